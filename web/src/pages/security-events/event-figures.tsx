import { SegmentedControl, Skeleton } from '@mantine/core';
import { IconArrowDownRight, IconArrowRight, IconArrowUpRight, IconBan, IconLogin2 } from '@tabler/icons-react';
import { type SecurityStatistics, securityRanges, securityStatisticsGet } from '@valtronics/contract';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { Figure, FigureStrip, Figures } from '../../ui/figures.tsx';
import { paths } from '../../ui/paths.ts';
import { levelWords } from './event-words.ts';
import classes from './security-events.module.css';

const pollMs = 30_000;
type Range = SecurityStatistics['range'];
const rangeWords = { '24h': '24 hours', '7d': '7 days', '30d': '30 days' } as const;

interface Props {
  range: Range;
  onRange: (range: Range) => void;
}

/** What was counted in a span; each number opens the events it was counted from. */
export function EventFigures({ range, onRange }: Props) {
  const { data } = useEndpoint(
    securityStatisticsGet,
    { query: { range } },
    { refetchInterval: pollMs, keepPrevious: true },
  );
  // The list below says what is wrong.
  if (!data) return <Skeleton height={120} mb="lg" />;
  const { failedAttempts, suspicious, blocked, events, from, to } = data;
  const open = (filter: Record<string, string>) => paths.securityEventsOf({ ...filter, from, to });
  const failed = { category: 'authentication', outcome: 'failure' };
  return (
    <>
      <SegmentedControl
        size="xs"
        mb="xs"
        aria-label="Counted in the last"
        value={range}
        onChange={(next) => onRange(next as Range)}
        data={securityRanges.map((value) => ({ value, label: rangeWords[value] }))}
      />
      <FigureStrip>
        <Figures title="Failed attempts">
          <Figure
            to={open(failed)}
            count={failedAttempts.total}
            label="in all"
            icon={<IconLogin2 size={14} aria-hidden />}
            after={<Trend trend={failedAttempts.trend} />}
          />
          <Figure to={open(failed)} count={failedAttempts.uniqueAddresses} label="addresses" />
          {failedAttempts.peakHour ? (
            <Figure
              to={paths.securityEventsOf({ ...failed, ...hourFrom(failedAttempts.peakHour) })}
              count={clock(failedAttempts.peakHour)}
              label="the worst hour"
            />
          ) : null}
        </Figures>
        <Figures title="Suspicious">
          <Figure
            to={`${paths.detections}?${new URLSearchParams({ from, to })}`}
            count={suspicious.total}
            label="detections"
            tone={suspicious.total > 0 ? 'warning' : undefined}
            after={<Trend trend={suspicious.trend} />}
          />
          <Figure to={open({ action: 'address.suspicious' })} count={suspicious.addresses} label="addresses" />
        </Figures>
        <Figures title="Blocked">
          <Figure
            to={open({ action: 'block.created' })}
            count={blocked.blocks}
            label="blocks"
            icon={<IconBan size={14} aria-hidden />}
            after={<Trend trend={blocked.trend} />}
          />
          <Figure to={paths.blocksMade({ scope: 'ip', from, to })} count={blocked.addresses} label="addresses" />
          <Figure
            to={open({ action: 'block.enforced' })}
            count={events.byAction['block.enforced'] ?? 0}
            label="turned away"
          />
          <Figure
            to={open({ action: 'request.blocked' })}
            count={events.byAction['request.blocked'] ?? 0}
            label="attacks refused"
          />
        </Figures>
        <Figures title="Events">
          <Figure to={open({})} count={events.total} label="in all" />
          {(['critical', 'error', 'warning'] as const).map((level) => {
            const count = events.byLevel[level] ?? 0;
            const tone = level === 'warning' ? 'warning' : 'critical';
            return (
              <Figure
                key={level}
                to={open({ level })}
                count={count}
                label={levelWords[level].toLowerCase()}
                tone={count > 0 ? tone : undefined}
              />
            );
          })}
        </Figures>
      </FigureStrip>
    </>
  );
}

const trends = {
  increasing: { icon: IconArrowUpRight, word: 'more than in the span before' },
  stable: { icon: IconArrowRight, word: 'as many as in the span before' },
  decreasing: { icon: IconArrowDownRight, word: 'fewer than in the span before' },
} as const;

function Trend({ trend }: { trend: keyof typeof trends }) {
  const { icon: Icon, word } = trends[trend];
  return (
    <span className={classes.trend} role="img" aria-label={word} title={word}>
      <Icon size={14} aria-hidden />
    </span>
  );
}

const hourFrom = (from: string) => ({ from, to: new Date(Date.parse(from) + 3_600_000).toISOString() });
const clock = (at: string) => `${String(new Date(at).getHours()).padStart(2, '0')}:00`;
