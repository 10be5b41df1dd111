import { randomBytes } from 'node:crypto';
import type { Page, SiemDestination, siemDestinationChange, siemDestinationCreate } from '@valtronics/contract';
import type { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { invalidField, notFound, Problem } from '../../lib/problem.ts';
import { mustSeeEverything } from '../../security/access/giving.ts';
import { runsInstance } from '../../security/access/instance.repository.ts';
import type { UserPrincipal } from '../../security/access/principal.ts';
import type { AuditedTx, Reader } from '../../security/audit/tokens.ts';
import type { DataKeys } from '../../security/keys/data-keys.ts';
import { siemPlace } from '../../security/siem/destination.ts';
import { MOST_COUNTED } from '../../security/siem/forwarder.ts';
import { countBehind } from '../../security/siem/siem.repository.ts';
import {
  countDestinations,
  type DestinationRow,
  type DestinationSettings,
  deleteDestination,
  findDestination,
  insertDestination,
  listDestinations,
  rewindDestination,
  updateDestination,
} from './siem-destination.repository.ts';
import { type CheckOptions, checkDestination } from './siem-destination-check.ts';

const MAX_DESTINATIONS = 10;
const SECRET_BYTES = 32;

type Change = z.infer<typeof siemDestinationChange.body>;
type Given = Change & Pick<z.infer<typeof siemDestinationCreate.body>, 'name' | 'target'>;
interface WithSecret {
  readonly destination: SiemDestination;
  readonly secret: string | null;
}

export type SiemDestinationService = ReturnType<typeof createSiemDestinationService>;

/**
 * Where security events are delivered to. What the deliveries do with it is the forwarder's. Events are of all devices, so who sees only
 * some has them sent nowhere.
 */
export function createSiemDestinationService(deps: CheckOptions & { dataKeys: Pick<DataKeys, 'seal'>; clock: Clock }) {
  const { dataKeys, clock } = deps;

  async function load(reader: Reader, id: string): Promise<DestinationRow> {
    const destination = await findDestination(reader, id);
    if (destination === undefined) throw notFound();
    return destination;
  }

  async function present(reader: Reader, row: DestinationRow): Promise<SiemDestination> {
    const audience = { organisationId: row.organisationId, operatesInstance: await runsInstance(reader) };
    const behind = await countBehind(reader, audience, row.sentPosition, MOST_COUNTED);
    return toContract(row, behind, clock.now());
  }

  const shown = async (tx: AuditedTx, id: string, secret: string | null): Promise<WithSecret> => ({
    destination: await present(tx, await load(tx, id)),
    secret,
  });

  const sealedKey = async (row: DestinationSettings, key: string | null): Promise<Buffer | null> =>
    key === null ? null : dataKeys.seal(key, siemPlace(row, 'client_key_sealed'));

  /** Seals what is given and keeps the rest; returns the secret that was made, which is shown this once. */
  async function withSecrets(row: DestinationSettings, { secret, clientKey, renewSecret }: Change, isNew: boolean) {
    const made =
      row.kind === 'https' && (isNew || renewSecret) ? `whsec_${randomBytes(SECRET_BYTES).toString('base64')}` : null;
    const kept = made ?? secret;
    const sealed: DestinationSettings = {
      ...row,
      secretSealed: kept === undefined ? row.secretSealed : await dataKeys.seal(kept, siemPlace(row, 'secret_sealed')),
      clientKeySealed: clientKey === undefined ? row.clientKeySealed : await sealedKey(row, clientKey),
    };
    return { sealed, made };
  }

  return {
    load,

    async list(reader: Reader): Promise<Page<SiemDestination>> {
      const rows = await listDestinations(reader, MAX_DESTINATIONS);
      const items: SiemDestination[] = [];
      for (const row of rows) items.push(await present(reader, row));
      return { items, nextCursor: null };
    },

    get: async (reader: Reader, id: string): Promise<SiemDestination> => present(reader, await load(reader, id)),

    async create(
      tx: AuditedTx,
      by: UserPrincipal,
      input: z.infer<typeof siemDestinationCreate.body>,
    ): Promise<WithSecret> {
      mustSeeEverything(by);
      const { kind, ...given } = input;
      const id = newId();
      const row = merged(
        { ...defaults, id, kind, organisationId: by.organisationId, name: input.name, target: input.target },
        given,
      );
      const { sealed, made } = await withSecrets(row, given, true);
      checkDestination(deps, sealed, given, await runsInstance(tx));
      if ((await countDestinations(tx, by.organisationId)) >= MAX_DESTINATIONS)
        throw new Problem('conflict', { detail: `An organisation has at most ${MAX_DESTINATIONS} destinations.` });
      await insertDestination(tx, { ...sealed, createdAt: clock.date() });
      const { name, format, target } = row;
      tx.describe({ resource: { kind: 'siem_destination', id }, details: { name, kind, format, target } });
      return shown(tx, id, made);
    },

    async change(tx: AuditedTx, by: UserPrincipal, id: string, input: Change): Promise<WithSecret> {
      const before = await load(tx, id);
      mustSeeEverything(by);
      const row = merged(before, input);
      // A receiver is shown the token or the key; pointing the destination elsewhere must not be a way to get at it.
      const showsSecret = row.kind === 'splunk_hec' || row.kind === 'elasticsearch_bulk';
      if (row.target !== before.target && showsSecret && input.secret === undefined)
        throw invalidField('secret', 'must be given again for another target');
      if (input.renewSecret && row.kind !== 'https')
        throw invalidField('renewSecret', 'only https has a secret made for it');
      const { sealed, made } = await withSecrets(row, input, false);
      checkDestination(deps, sealed, input, await runsInstance(tx));
      await updateDestination(tx, sealed);
      tx.describe({
        resource: { kind: 'siem_destination', id },
        details: { name: row.name, target: row.target, changed: Object.keys(input) },
      });
      return shown(tx, id, made);
    },

    async remove(tx: AuditedTx, id: string): Promise<void> {
      const { name, kind, target } = await load(tx, id);
      await deleteDestination(tx, id);
      tx.describe({ resource: { kind: 'siem_destination', id }, details: { name, kind, target } });
    },

    async backfill(tx: AuditedTx, by: UserPrincipal, id: string, from: string): Promise<{ events: number }> {
      const { organisationId } = await load(tx, id);
      mustSeeEverything(by);
      const position = await rewindDestination(tx, id, new Date(from));
      const audience = { organisationId, operatesInstance: await runsInstance(tx) };
      const { events } = await countBehind(tx, audience, position, MOST_COUNTED);
      tx.describe({ resource: { kind: 'siem_destination', id }, details: { from, events } });
      return { events };
    },
  };
}

const defaults = {
  format: 'ecs',
  batch: 'array',
  index: null,
  serverName: null,
  ca: null,
  clientCertificate: null,
  clientKeySealed: null,
  secretSealed: null,
  enabled: true,
} as const;

function merged(before: DestinationSettings, given: Change | Given): DestinationSettings {
  const { format, target, batch, index, serverName, ca, clientCertificate, name, enabled } = { ...before, ...given };
  return {
    ...before,
    name: name ?? before.name,
    format: format ?? before.format,
    target: target ?? before.target,
    batch: batch ?? before.batch,
    index: index ?? null,
    serverName: serverName ?? null,
    ca: ca ?? null,
    clientCertificate: clientCertificate ?? null,
    enabled: enabled ?? before.enabled,
  };
}

function toContract(row: DestinationRow, behind: { events: number; since: Date | null }, now: number): SiemDestination {
  const time = (date: Date | null): string | null => date?.toISOString() ?? null;
  return {
    id: row.id,
    kind: row.kind,
    name: row.name,
    format: row.format,
    target: row.target,
    batch: row.batch,
    index: row.index,
    serverName: row.serverName,
    ca: row.ca,
    clientCertificate: row.clientCertificate,
    enabled: row.enabled,
    hasSecret: row.secretSealed !== null,
    hasClientKey: row.clientKeySealed !== null,
    createdAt: row.createdAt.toISOString(),
    delivery: {
      state: row.enabled ? (row.lastError === null ? 'delivering' : 'retrying') : 'off',
      eventsBehind: behind.events,
      behindSince: behind.since?.toISOString() ?? null,
      secondsBehind: behind.since === null ? 0 : Math.max(0, now - behind.since.getTime()) / 1000,
      lastDeliveredAt: time(row.lastDeliveredAt),
      lastError: row.lastError,
      lastErrorAt: time(row.lastErrorAt),
      nextAttemptAt: time(row.nextAttemptAt),
      refusedEvents: row.refusedEvents,
      missedUntil: time(row.missedUntil),
    },
  };
}
