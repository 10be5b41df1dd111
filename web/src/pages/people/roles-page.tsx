import { Skeleton, Table } from '@mantine/core';
import { IconCheck } from '@tabler/icons-react';
import { type Permission, permissions, rolesList } from '@valtronics/contract';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { humanName } from '../../ui/format-value.ts';
import { PageHeader, Panel } from '../../ui/page.tsx';
import { ErrorState } from '../../ui/states/states.tsx';
import classes from './people.module.css';
import { PeopleTabs } from './people-tabs.tsx';

const permissionWords: Record<Permission, string> = {
  'device:read': 'See devices, their status and commands',
  'device:write': 'Register and change devices, credentials, certificates and commands',
  'device:delete': 'Delete devices with their telemetry',
  'telemetry:read': 'See measurements',
  'telemetry:write': 'Write measurements for devices',
  'alert:read': 'See alerts and rules',
  'alert:write': 'Create, change and delete rules',
  'alert:acknowledge': 'Acknowledge, resolve and note alerts',
  'analytics:read': 'See statistics of measurements',
  'analytics:export': 'Export measurements and reports',
  'system:admin': 'Audit log and the system itself',
  'user:manage': 'Invite, change and disable people',
  'config:manage': 'Settings and notifications',
};

/** Who may do what, as the server enforces it. */
export function RolesPage() {
  const { data, error, refetch } = useEndpoint(rolesList, {}, { staleTime: 300_000 });
  return (
    <>
      <PageHeader title="People" detail="Who may do what" />
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
                  {data.items.map(({ name }) => (
                    <Table.Th key={name} className={classes.centre}>
                      {humanName(name)}
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
    </>
  );
}
