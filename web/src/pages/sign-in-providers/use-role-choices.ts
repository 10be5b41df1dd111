import { type Role, rolesList } from '@valtronics/contract';
import { useMe } from '../../api/session.ts';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { humanName } from '../../ui/format-value.ts';

export interface RoleChoice {
  readonly value: Role;
  readonly label: string;
  readonly disabled: boolean;
}

/** The roles; those this person may not give are there and say why. `chosen` may be one that is gone since. */
export function useRoleChoices(): (chosen: Role) => readonly RoleChoice[] {
  const me = useMe();
  const { data } = useEndpoint(rolesList, {}, { staleTime: 60_000 });
  const choices = (data?.items ?? []).map(({ name, permissions }): RoleChoice => {
    const isAbove = permissions.some((permission) => !me.permissions.includes(permission));
    return { value: name, label: `${humanName(name)}${isAbove ? ' (may more than you may)' : ''}`, disabled: isAbove };
  });
  return (chosen) =>
    chosen === '' || choices.some(({ value }) => value === chosen)
      ? choices
      : [...choices, { value: chosen, label: humanName(chosen), disabled: false }];
}
