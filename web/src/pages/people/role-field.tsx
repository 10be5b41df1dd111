import { NativeSelect } from '@mantine/core';
import { type Role, roles, rolesList } from '@valtronics/contract';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { humanName } from '../../ui/format-value.ts';

const hints: Readonly<Record<Role, string>> = {
  admin: 'Everything, people and settings included',
  operator: 'Runs devices, rules and alerts; deletes nothing',
  analyst: 'Reads, analyses and exports',
  user: 'Reads devices, values and alerts',
};

/** The built-in roles are known before the server is asked for the organisation's own. */
export function useRoles(): readonly { name: Role; description: string | null }[] {
  const { data } = useEndpoint(rolesList, {}, { staleTime: 60_000 });
  return data?.items ?? roles.map((name) => ({ name, description: null }));
}

interface RoleFieldProps {
  value: Role;
  onChange: (role: Role) => void;
  error?: string | undefined;
  disabled?: boolean;
}

export function RoleField({ value, onChange, error, disabled = false }: RoleFieldProps) {
  const known = useRoles();
  const names = known.map(({ name }) => name);
  return (
    <NativeSelect
      label="Role"
      description={hints[value] ?? known.find(({ name }) => name === value)?.description}
      value={value}
      error={error}
      disabled={disabled}
      data={(names.includes(value) ? names : [...names, value]).map((name) => ({
        value: name,
        label: humanName(name),
      }))}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
