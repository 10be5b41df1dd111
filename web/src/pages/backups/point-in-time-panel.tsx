import { Stack, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import type { PointInTime } from '@valtronics/contract';
import { Fact, Facts } from '../../ui/facts.tsx';
import { Panel } from '../../ui/page.tsx';
import label from '../../ui/severity.module.css';
import { exactTime } from '../../ui/time/format-time.ts';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { bytesText, everyText, whyOff } from './backup-words.ts';
import classes from './backups.module.css';
import { LookedAt } from './looked-at.tsx';
import { Next } from './next-due.tsx';

/** To which moments the database can be taken back, and whether there will be more. */
export function PointInTimePanel({ pointInTime }: { pointInTime: PointInTime }) {
  const { off, days, windows, lastBase, nextBase, waitingBytes, stalled } = pointInTime;
  if (off)
    return (
      <Panel title="Any moment">
        <Text size="sm" c="dimmed">
          {whyOff[off]}
        </Text>
      </Panel>
    );
  const [newest, ...older] = windows;
  return (
    <Panel title="Any moment">
      <Stack gap="sm">
        <Facts>
          <Fact name="Reached">
            {newest ? <Window window={newest} /> : 'None yet: the first base is made within a minute or two'}
          </Fact>
          {older.length > 0 ? (
            <Fact name="And before">
              <ul className={classes.checks} aria-label="Moments before the log was interrupted">
                {older.map((window) => (
                  <li key={window.from}>
                    <Window window={window} />
                  </li>
                ))}
              </ul>
            </Fact>
          ) : null}
          <Fact name="Behind now">
            {newest?.until ? (
              <>
                sent up to <RelativeTime at={newest.until} />
                {waitingBytes > 0 ? `, ${bytesText(waitingBytes)} waiting` : ', nothing waiting'}
              </>
            ) : waitingBytes > 0 ? (
              `nothing sent, ${bytesText(waitingBytes)} waiting`
            ) : (
              'nothing sent yet'
            )}
          </Fact>
          <Fact name="Last base">
            {lastBase ? (
              <>
                <RelativeTime at={lastBase.at} />, {bytesText(lastBase.bytes)}
              </>
            ) : (
              'none yet'
            )}
          </Fact>
          {lastBase ? (
            <Fact name="Verified">
              <LookedAt looked={lastBase.verified} good="As made" />
            </Fact>
          ) : null}
          <Fact name="A base">
            {everyText(days * 24)}
            <Next due={nextBase} />
          </Fact>
        </Facts>
        {stalled ? (
          <div role="alert">
            <span className={label.label} data-tone="critical">
              <IconAlertTriangle size={14} stroke={1.8} aria-hidden />
              <span>
                Sending stands still, since <RelativeTime at={stalled.since} />
              </span>
            </span>
            <Text size="sm" className={classes.wrap}>
              {stalled.fault}
            </Text>
          </div>
        ) : null}
      </Stack>
    </Panel>
  );
}

function Window({ window: { from, until } }: { window: PointInTime['windows'][number] }) {
  if (until === null)
    return (
      <>
        from <Exact at={from} /> on, once its log is sent
      </>
    );
  return (
    <>
      <Exact at={from} /> to <Exact at={until} />
    </>
  );
}

const Exact = ({ at }: { at: string }) => <time dateTime={at}>{exactTime(at)}</time>;
