import { Text } from '@mantine/core';
import { IconShieldLock } from '@tabler/icons-react';
import { keysGet } from '@valtronics/contract';
import { useMemo } from 'react';
import { useMe } from '../../api/session.ts';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { PageHeader } from '../../ui/page.tsx';
import { EmptyState, ErrorState, ForbiddenState } from '../../ui/states/states.tsx';
import { DataTable } from '../../ui/table/data-table.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { epochColumns } from './epoch-columns.tsx';
import { KeyStorePanel } from './key-store-panel.tsx';
import { epochState, isUnderWay, leftOver } from './key-words.ts';
import classes from './keys.module.css';
import { RootKeyPanel } from './root-key-panel.tsx';
import { RotateButton } from './rotate-button.tsx';
import { RotationPanel } from './rotation-panel.tsx';

const pollMs = 10_000;
const pollUnderWayMs = 2_000;

export function KeysPage() {
  const { organisation } = useMe();
  if (organisation.operatesInstance) return <Keys />;
  return (
    <ForbiddenState
      what="The page of keys"
      reason="Key epochs seal what every organisation has: they are for the one that runs this instance"
      remedy=""
    />
  );
}

function Keys() {
  const { data, error, isPending, refetch } = useEndpoint(
    keysGet,
    {},
    {
      refetchInterval: ({ state: { data: known } }) =>
        known && (isUnderWay(known.rotation) || known.countedAt === null) ? pollUnderWayMs : pollMs,
    },
  );
  const rows = useMemo(
    () =>
      data
        ? data.epochs.toReversed().map((epoch) => ({ ...epoch, id: String(epoch.number), rotation: data.rotation }))
        : [],
    [data],
  );
  const retirable = rows.filter((epoch) => epoch.values === 0 && epochState(epoch, epoch.rotation) === 'replaced');
  return (
    <>
      <PageHeader
        title="Keys"
        detail="What the data is sealed with: where the root key lies, which key epoch sealed how much, and how far a rotation is"
        actions={
          <RotateButton
            next={data && Math.max(0, ...data.epochs.map(({ number }) => number)) + 1}
            isUnderWay={data !== undefined && isUnderWay(data.rotation)}
            isUnfinished={data !== undefined && leftOver(data.epochs, data.rotation) > 0}
          />
        }
      />
      {error && !data ? (
        <ErrorState problem={error} onRetry={() => void refetch()} />
      ) : (
        <>
          {data ? (
            <div className={classes.panels}>
              <RootKeyPanel rootKey={data.rootKey} />
              <RotationPanel rotation={data.rotation} epochs={data.epochs} />
              <KeyStorePanel store={data.keyStore} />
            </div>
          ) : null}
          <DataTable
            label="Key epochs"
            columns={epochColumns}
            rows={rows}
            rowHeight={36}
            loading={isPending}
            empty={
              <EmptyState
                icon={<IconShieldLock size={20} />}
                title="No key epoch yet"
                hint="The first is made with the first value that is sealed."
              />
            }
          />
          {data ? (
            <Text size="sm" c="dimmed" mt="xs">
              {data.countedAt ? (
                <>
                  Values counted <RelativeTime at={data.countedAt} />.{' '}
                </>
              ) : (
                'Values are being counted. '
              )}
              {retirable.length > 0
                ? `Nothing is sealed any more under ${words(retirable.map(({ number }) => number))}: at the machine, valtronics keys retire ends an epoch for good.`
                : 'An epoch with nothing under it is ended for good at the machine, with valtronics keys retire.'}
            </Text>
          ) : null}
        </>
      )}
    </>
  );
}

const words = (numbers: readonly number[]): string =>
  `${numbers.length === 1 ? 'epoch' : 'epochs'} ${new Intl.ListFormat('en').format(numbers.toSorted((a, b) => a - b).map(String))}`;
