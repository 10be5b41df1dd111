import { Group } from '@mantine/core';
import { IconListDetails } from '@tabler/icons-react';
import { type CataloguedField, fieldCatalogueGet, fieldClasses } from '@valtronics/contract';
import { useMemo } from 'react';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { FilterSelect } from '../../ui/filter-select.tsx';
import { PageHeader } from '../../ui/page.tsx';
import { SearchField } from '../../ui/search-field.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { type Column, DataTable } from '../../ui/table/data-table.tsx';
import { oneOf, useSearchState } from '../../ui/use-search-state.ts';
import { ClassBadge } from './class-badge.tsx';
import { FieldDrawer } from './field-drawer.tsx';
import { classWords, matches, seenText, storedText } from './field-words.ts';

const columns: readonly Column<CataloguedField>[] = [
  {
    key: 'field',
    header: 'Field',
    width: 'minmax(150px, 1.6fr)',
    cell: ({ id }) => (
      <span className="mono truncate" title={id}>
        {id}
      </span>
    ),
  },
  { key: 'class', header: 'Class', width: '104px', cell: (field) => <ClassBadge of={field.class} /> },
  { key: 'clear', header: 'In clear for', width: 'minmax(130px, 1.2fr)', from: 620, cell: seenText },
  {
    key: 'kept',
    header: 'Kept',
    width: 'minmax(140px, 1.6fr)',
    from: 900,
    cell: ({ retention }) => (
      <span className="dim truncate" title={retention}>
        {retention}
      </span>
    ),
  },
  { key: 'stored', header: 'Stored', width: '168px', from: 480, cell: storedText },
];

export function FieldCataloguePage() {
  const { get, set } = useSearchState();
  const { data, error, isPending, refetch } = useEndpoint(
    fieldCatalogueGet,
    {},
    { staleTime: Number.POSITIVE_INFINITY },
  );
  const text = get('text') ?? '';
  const chosen = oneOf(fieldClasses, get('class'));
  const items = data?.items;
  const rows = useMemo(
    () => (items ?? []).filter((field) => (!chosen || field.class === chosen) && matches(field, text)),
    [items, chosen, text],
  );
  return (
    <>
      <PageHeader
        title="Field catalogue"
        detail="Every sensitive field there is: who sees it, how long and why it is kept, and how it is stored"
      />
      <Group gap="xs" mb="sm">
        <SearchField label="Search fields" value={text} onChange={(next) => set({ text: next })} />
        <FilterSelect
          label="Class"
          value={chosen}
          options={fieldClasses.map((value) => ({ value, label: classWords[value] }))}
          onChange={(value) => set({ class: value })}
        />
      </Group>
      {error && !data ? (
        <ErrorState problem={error} onRetry={() => void refetch()} />
      ) : (
        <DataTable
          label="Fields"
          columns={columns}
          rows={rows}
          total={rows.length}
          rowHeight={36}
          loading={isPending}
          onRowClick={({ id }) => set({ field: id }, { replace: false })}
          empty={
            <EmptyState
              icon={<IconListDetails size={20} />}
              title="No field matches"
              hint="Search for a part of a table, a column or a permission, or take the class away."
            />
          }
        />
      )}
      <FieldDrawer field={items?.find(({ id }) => id === get('field')) ?? null} onClose={() => set({ field: null })} />
    </>
  );
}
