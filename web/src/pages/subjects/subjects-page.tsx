import { Button, Group } from '@mantine/core';
import { IconCertificate, IconHeartbeat, IconPlus } from '@tabler/icons-react';
import { subjectErasuresList, subjectRegister, subjectSorts, subjectsList } from '@valtronics/contract';
import { useMemo } from 'react';
import { useNavigate } from 'react-router';
import { useMay, useRefusal } from '../../api/session.ts';
import { useEndpointPages } from '../../api/use-endpoint.ts';
import { GuardedButton } from '../../ui/guarded.tsx';
import { PageHeader } from '../../ui/page.tsx';
import { paths } from '../../ui/paths.ts';
import { SearchField } from '../../ui/search-field.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { DataTable } from '../../ui/table/data-table.tsx';
import { oneOf, useSearchState } from '../../ui/use-search-state.ts';
import { subjectColumns } from './subject-columns.tsx';
import { SubjectDialog } from './subject-dialog.tsx';

export function SubjectsPage() {
  const { get, set } = useSearchState();
  const navigate = useNavigate();
  const seesNames = useMay('device:write');
  const refusal = useRefusal(subjectRegister);
  const erasedRefusal = useRefusal(subjectErasuresList);
  const usual = seesNames ? 'reference' : 'createdAt';
  const asked = oneOf(subjectSorts, get('sort'));
  // A link from somebody who sees more than masks may ask for an order that is not open here.
  const sort = asked && (seesNames || asked.endsWith('createdAt')) ? asked : usual;
  const text = get('text');
  const list = useEndpointPages(subjectsList, { query: { text, sort, limit: 100 } });
  const columns = useMemo(() => subjectColumns(seesNames), [seesNames]);
  const register = (
    <GuardedButton
      refusal={refusal}
      leftSection={<IconPlus size={14} />}
      onClick={() => set({ register: '1' }, { replace: false })}
    >
      Register person
    </GuardedButton>
  );
  return (
    <>
      <PageHeader
        title="People measured"
        detail={
          seesNames
            ? 'Whom devices measure, and when; looking at names is recorded in the audit log'
            : 'Whom devices measure, and when; names and references are hidden from your role'
        }
        actions={
          <>
            <GuardedButton
              variant="default"
              refusal={erasedRefusal}
              leftSection={<IconCertificate size={14} />}
              onClick={() => void navigate(paths.erasedSubjects)}
            >
              Erased
            </GuardedButton>
            {register}
          </>
        }
      />
      <Group gap="xs" mb="sm">
        <SearchField
          label={seesNames ? 'Search reference or name' : 'Search id'}
          finds={seesNames ? 'Reference or name (over 500: whole)' : 'Whole or part of an id'}
          width={290}
          value={text}
          onChange={(next) => set({ text: next })}
        />
      </Group>
      {list.error ? (
        <ErrorState problem={list.error} onRetry={list.refetch} />
      ) : (
        <DataTable
          label="People measured"
          columns={columns}
          rows={list.rows}
          loading={list.isPending}
          sort={{ value: sort, onChange: (next) => set({ sort: next === usual ? null : next }) }}
          onEndReached={list.hasNextPage && !list.isFetchingNextPage ? list.fetchNextPage : undefined}
          empty={
            text ? (
              <EmptyState
                icon={<IconHeartbeat size={20} />}
                title="Nobody matches"
                hint={
                  seesNames
                    ? 'Everybody whose reference, name or id holds the text will stand here; where there are more than 500, whose whole reference or name it is.'
                    : 'Your role sees ids, so ids are what is searched.'
                }
                action={
                  <Button variant="default" onClick={() => set({ text: null })}>
                    Clear the search
                  </Button>
                }
              />
            ) : (
              <EmptyState
                icon={<IconHeartbeat size={20} />}
                title="Nobody is measured yet"
                hint="Patients, residents, animals or batches stand here, each with the devices that measure them. Register one, then assign a device on its page."
                action={register}
              />
            )
          }
        />
      )}
      {get('register') && !refusal ? (
        <SubjectDialog onDone={({ id }) => void navigate(paths.subject(id))} onClose={() => set({ register: null })} />
      ) : null}
    </>
  );
}
