import { Button, Menu } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { auditEventsExport } from '@valtronics/contract';
import type { z } from 'zod';
import { useChange } from '../../api/use-endpoint.ts';
import { download } from '../../ui/download.ts';
import { sayProblem } from '../../ui/toasts.tsx';

type Filters = Omit<z.input<typeof auditEventsExport.body>, 'format'>;

/** The whole result as a file, not only what was scrolled to; that it was exported is recorded. */
export function ExportMenu({ filters, isEmpty }: { filters: Filters; isEmpty: boolean }) {
  const exporting = useChange(auditEventsExport, ['/audit-events']);
  const save = (format: 'jsonl' | 'csv') => {
    const given = Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== undefined));
    exporting.mutate(
      { body: { ...given, format } },
      {
        onSuccess: (text) =>
          download(`audit-log.${format}`, text, format === 'csv' ? 'text/csv' : 'application/x-ndjson'),
        onError: (problem) => sayProblem(problem),
      },
    );
  };
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button
          variant="default"
          leftSection={<IconDownload size={14} />}
          disabled={isEmpty}
          title={isEmpty ? 'There is nothing to export' : 'At most 100,000 events; the export is recorded'}
          loading={exporting.isPending}
        >
          Export
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => save('jsonl')}>JSON, one event a line</Menu.Item>
        <Menu.Item onClick={() => save('csv')}>CSV</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
