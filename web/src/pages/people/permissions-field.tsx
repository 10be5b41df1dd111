import { Checkbox, Stack } from '@mantine/core';
import { type Permission, permissions } from '@valtronics/contract';
import { permissionWords } from './permission-words.ts';

interface Props {
  value: readonly Permission[];
  error?: string | undefined;
  /** Why it cannot be given here. */
  refusalOf: (permission: Permission) => string | undefined;
  onChange: (value: Permission[]) => void;
}

/** What may not be given stays in sight, closed, and says why. */
export function PermissionsField({ value, error, refusalOf, onChange }: Props) {
  return (
    <Checkbox.Group
      label="Permissions"
      error={error}
      value={[...value]}
      onChange={(next) => onChange(next as Permission[])}
    >
      <Stack gap={6} mt={6} mb={error ? 6 : 0}>
        {permissions.map((permission) => {
          const refusal = refusalOf(permission);
          return (
            <Checkbox
              key={permission}
              value={permission}
              size="xs"
              disabled={refusal !== undefined}
              label={
                <>
                  {permissionWords[permission]} <span className="dim mono">{permission}</span>
                </>
              }
              description={refusal}
            />
          );
        })}
      </Stack>
    </Checkbox.Group>
  );
}
