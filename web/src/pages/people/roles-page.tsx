import { Group, Skeleton, Table } from '@mantine/core';
import { IconCheck, IconPlus } from '@tabler/icons-react';
import { permissions, type RoleEntry, roleCreate, roleDelete, rolesList } from '@valtronics/contract';
import { useState } from 'react';
import { useRefusal } from '../../api/session.ts';
import { useChange, useEndpoint } from '../../api/use-endpoint.ts';
import { humanName } from '../../ui/format-value.ts';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { GuardedButton } from '../../ui/guarded.tsx';
import { PageHeader, Panel } from '../../ui/page.tsx';
import { ErrorState } from '../../ui/states/states.tsx';
import classes from './people.module.css';
import { PeopleTabs } from './people-tabs.tsx';
import { permissionWords } from './permission-words.ts';
import { RoleDialog } from './role-dialog.tsx';
import { RoleMenu } from './role-menu.tsx';

/** Who may do what, as the server enforces it. */
export function RolesPage() {
  const { data, error, refetch } = useEndpoint(rolesList, {}, { staleTime: 60_000 });
  const remove = useChange(roleDelete, ['/roles']);
  const refusal = useRefusal(roleCreate);
  const [dialog, setDialog] = useState<{ kind: 'new' } | { kind: 'change' | 'delete'; role: RoleEntry } | null>(null);
  const close = () => setDialog(null);
  return (
    <>
      <PageHeader
        title="People"
        detail="Who may do what"
        actions={
          <GuardedButton
            refusal={refusal}
            leftSection={<IconPlus size={14} />}
            onClick={() => setDialog({ kind: 'new' })}
          >
            New role
          </GuardedButton>
        }
      />
      <PeopleTabs value="roles" />
      {error && !data ? <ErrorState problem={error} onRetry={() => void refetch()} /> : null}
      {!data && !error ? <Skeleton height={420} /> : null}
      {data ? (
        <Panel flush>
          <div className={classes.scroll}>
            <Table fz="sm" verticalSpacing={6} horizontalSpacing="md" highlightOnHover>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Permission</Table.Th>
                  {data.items.map((role) => (
                    <Table.Th key={role.name} className={classes.centre} title={role.description ?? undefined}>
                      <Group gap={2} justify="center" wrap="nowrap">
                        {humanName(role.name)}
                        {role.builtIn ? null : (
                          <RoleMenu
                            role={role}
                            onChange={() => setDialog({ kind: 'change', role })}
                            onDelete={() => setDialog({ kind: 'delete', role })}
                          />
                        )}
                      </Group>
                    </Table.Th>
                  ))}
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {permissions.map((permission) => (
                  <Table.Tr key={permission}>
                    <Table.Th scope="row" fw={400}>
                      {permissionWords[permission]} <span className="dim mono">{permission}</span>
                    </Table.Th>
                    {data.items.map(({ name, permissions: held }) => (
                      <Table.Td key={name} className={classes.centre}>
                        {held.includes(permission) ? (
                          <IconCheck size={16} role="img" aria-label="yes" className={classes.yes} />
                        ) : (
                          <span className="dim" role="img" aria-label="no">
                            –
                          </span>
                        )}
                      </Table.Td>
                    ))}
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </div>
        </Panel>
      ) : null}
      {dialog?.kind === 'new' ? <RoleDialog onClose={close} /> : null}
      {dialog?.kind === 'change' ? <RoleDialog role={dialog.role} onClose={close} /> : null}
      {dialog?.kind === 'delete' ? (
        <ConfirmDialog
          title={`Delete the role ${humanName(dialog.role.name)}?`}
          action="Delete the role"
          onClose={close}
          onConfirm={() => remove.mutateAsync({ params: { name: dialog.role.name } })}
        >
          Nobody holds it. What people did with it stays in the audit log.
        </ConfirmDialog>
      ) : null}
    </>
  );
}
