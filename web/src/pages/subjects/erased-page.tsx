import { Button } from '@mantine/core';
import { IconCertificate, IconDownload } from '@tabler/icons-react';
import { type SubjectErasure, subjectErasuresList } from '@valtronics/contract';
import { useEndpointPages } from '../../api/use-endpoint.ts';
import { Copyable } from '../../ui/copyable.tsx';
import { download } from '../../ui/download.ts';
import { BackTo, PageHeader } from '../../ui/page.tsx';
import { paths } from '../../ui/paths.ts';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { type Column, DataTable } from '../../ui/table/data-table.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';

type Row = SubjectErasure & { id: string };

const columns: readonly Column<Row>[] = [
  {
    key: 'person',
    header: 'Id',
    width: 'minmax(110px, 1fr)',
    cell: ({ id }) => <Copyable value={id} label="Copy the id" shorten />,
  },
  {
    key: 'erased',
    header: 'Erased',
    width: 'minmax(96px, 0.8fr)',
    from: 480,
    cell: ({ erasedAt }) => <RelativeTime at={erasedAt} />,
  },
  {
    key: 'unreadable',
    header: 'No backup opens from',
    width: 'minmax(120px, 1fr)',
    cell: ({ unreadableFrom }) => <RelativeTime at={unreadableFrom} />,
  },
  {
    key: 'certificate',
    header: 'Certificate',
    width: '112px',
    cell: ({ id, certificate }) => (
      <Button
        size="compact-xs"
        variant="default"
        leftSection={<IconDownload size={12} />}
        aria-label={`Save the certificate of …${id.slice(-8)}`}
        onClick={() => download(`erasure-${id}.txt`, certificate, 'text/plain')}
      >
        Save
      </Button>
    ),
  },
];

export function ErasedPage() {
  const list = useEndpointPages(subjectErasuresList, { query: { limit: 100 } });
  return (
    <>
      <PageHeader
        before={<BackTo path={paths.subjects}>People measured</BackTo>}
        title="Erased"
        detail="Whose key was destroyed, and the signed certificate of it; docs/key-store.md says how a stranger verifies one"
      />
      {list.error ? (
        <ErrorState problem={list.error} onRetry={list.refetch} />
      ) : (
        <DataTable
          label="Erased people"
          columns={columns}
          rows={list.rows.map((erasure) => ({ ...erasure, id: erasure.subjectId }))}
          loading={list.isPending}
          onEndReached={list.hasNextPage && !list.isFetchingNextPage ? list.fetchNextPage : undefined}
          empty={
            <EmptyState
              icon={<IconCertificate size={20} />}
              title="Nobody was erased"
              hint="Whoever is deleted from the people measured stands here by their id, with a certificate."
            />
          }
        />
      )}
    </>
  );
}
