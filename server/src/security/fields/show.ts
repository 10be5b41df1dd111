import type { Permission } from '@valtronics/contract';
import { fullMask, mask } from '../../lib/masking.ts';
import type { Principal } from '../access/principal.ts';
import { fieldOf } from './catalogue.ts';
import type { Field, Viewers } from './field.ts';

/** How somebody sees a field. `hidden`: not at all, not even that there is a value. */
export type FieldSight = 'clear' | 'masked' | 'hidden';

/** As much of a principal as decides what is shown to them. Who is no member of the organisation holds no permissions. */
export interface Viewer {
  readonly permissions?: ReadonlySet<Permission>;
  readonly userId?: string;
}

export const viewerOf = (principal: Principal): Viewer => ('permissions' in principal ? principal : {});

const isAmong = (viewers: Viewers, { permissions }: Viewer): boolean =>
  permissions !== undefined && (viewers === 'members' || viewers.some((permission) => permissions.has(permission)));

/** The one decision, deny by default: whatever names nobody is hidden. `own`: the field is of whoever asks. */
export function sightOn(field: Field, viewer: Viewer, own = false): FieldSight {
  if (own && field.ownInClear) return 'clear';
  if (isAmong(field.clear, viewer)) return 'clear';
  return isAmong(field.masked, viewer) ? 'masked' : 'hidden';
}

export const seesInClear = (id: string, viewer: Viewer): boolean => sightOn(fieldOf(id), viewer) === 'clear';

/** Whoever sees a mask, and holds what the catalogue asks for, may have the field shown; whoever sees it anyhow may as well. */
export function mayReveal(field: Field, viewer: Viewer): boolean {
  const sight = sightOn(field, viewer);
  return sight === 'clear' || (sight === 'masked' && isAmong(field.revealBy ?? [], viewer));
}

export const maskOf = (field: Field, value: unknown): string | null =>
  value === null && !field.hidesAbsence ? null : mask(field.mask, value);

/**
 * Of the fields a value may stem from the one whose shape it has, since the words of a text kind have none. What has an @ and is no address we
 * know the shape of is none of the words either.
 */
export function fieldOfShape(fields: readonly Field[], value: unknown): Field | undefined {
  const shaped = fields.find((field) => field.mask !== 'text' && mask(field.mask, value) !== fullMask);
  if (shaped) return shaped;
  const mayBeAddress = typeof value === 'string' && value.includes('@');
  return (mayBeAddress ? fields.find((field) => field.mask === 'email') : undefined) ?? fields[0];
}
