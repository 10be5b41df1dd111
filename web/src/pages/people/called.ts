import type { User } from '@valtronics/contract';

/** A person goes by their address, which is theirs alone; that of a program says nothing. */
export const calledOf = ({ kind, name, email }: User) => (kind === 'service' ? (name ?? email) : email);
