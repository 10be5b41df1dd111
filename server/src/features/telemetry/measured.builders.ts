import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { telemetryHistory, telemetryRaw } from '@valtronics/contract';
import { dataKeysOn } from '../../../../tests/support/data-keys.ts';
import { aDatabase } from '../../../../tests/support/database.ts';
import { manualClock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { createTransactions } from '../../security/audit/transactions.ts';
import { aRootKey } from '../../security/keys/keys.builders.ts';
import type { PersonKeys } from '../../security/keys/person-values.ts';
import { createHealthValues, type HealthValues } from './health-values.ts';
import { createMeasuredChanges } from './measured-changes.ts';
import { createMeasuredPersons } from './measured-persons.ts';
import { at, base, HOUR, items, MINUTE, type Row } from './recording.builders.ts';
import {
  aDevice,
  anOrganisation,
  aTelemetry,
  eventually,
  quiet,
  type TelemetryUnderTest,
  type TestDevice,
} from './telemetry.builders.ts';

/** A telemetry feature with a key store, for devices of class health that measure persons. */
export type Measuring = Awaited<ReturnType<typeof aMeasuring>>;

export const range = { from: at(base), to: at(base + 3 * HOUR) };
export const upTo = (end: number, start = 0) => Array.from({ length: end - start }, (_, index) => start + index);
export const ofDevice = 'series_id in (select id from series where device_id = $1)';
const runs = (owners: readonly string[]): string[] => owners.filter((owner, index) => owner !== owners[index - 1]);

export async function aMeasuring() {
  /** Moved on by hand: what servers remember of assignments and keys is out of date when a test says so. */
  const clock = manualClock(Date.now());
  const rootKey = aRootKey();
  const dataDir = mkdtempSync(join(tmpdir(), 'valtronics-persons-'));
  const database = await aDatabase();
  const dataKeys = await dataKeysOn(database, { rootKey, dataDir, clock });
  const telemetry = await aTelemetry({ database, dataKeys, clock, tuning: { rollupGatherMs: 5 } });
  const organisationId = await anOrganisation(database);
  telemetry.start();

  const transactions = createTransactions(database);
  const query = async (text: string, values: unknown[] = []) => (await database.admin.query(text, values)).rows;
  const later = () => clock.advance(60_000);
  const applied = () =>
    eventually(
      async () => (await query('select 1 from telemetry_pending where retry_at is null limit 1')).length === 0,
      'all rollups are applied',
    );
  const ask = (endpoint: Parameters<TelemetryUnderTest['get']>[0], device: TestDevice, more: Record<string, string>) =>
    telemetry.get(endpoint, organisationId, { deviceId: device.deviceId, ...more });

  return {
    database,
    clock,
    dataKeys,
    rootKey,
    telemetry,
    organisationId,
    query,
    ask,
    applied,

    device: (health = true) => aDevice(database, organisationId, health),

    async person(): Promise<string> {
      const id = newId();
      await query(
        `insert into subjects (id, organisation_id, reference_sealed, reference_index) values ($1, $2, $3, $4)`,
        [id, organisationId, Buffer.alloc(90), Buffer.from(id.replaceAll('-', '').repeat(2), 'hex')],
      );
      return id;
    },

    async assign(device: TestDevice, subject: string, from: number, until?: number): Promise<string> {
      const id = newId();
      await query(
        `insert into subject_assignments (id, organisation_id, subject_id, device_id, during)
         values ($1, $2, $3, $4, tstzrange($5, $6))`,
        [id, organisationId, subject, device.deviceId, at(from), until === undefined ? null : at(until)],
      );
      later();
      return id;
    },

    async unassign(id: string): Promise<void> {
      await query('delete from subject_assignments where id = $1', [id]);
      later();
    },

    /** As the service does it: the row, which takes the assignments with it, and then the key. */
    async erase(subject: string): Promise<void> {
      await query('delete from subjects where id = $1', [subject]);
      await dataKeys.destroySubject(organisationId, subject);
      later();
    },

    /** The job as another server would have it, once the changes are settled; `meddling` is done each time before something is sealed. */
    async settle(
      meddling = async (_seriesId: number): Promise<void> => undefined,
      keys: PersonKeys = dataKeys,
    ): Promise<void> {
      const plain = createHealthValues({
        dataKeys: keys,
        clock,
        persons: createMeasuredPersons({ transactions, clock }),
      });
      const health: HealthValues = {
        ...plain,
        async seal(...given) {
          await meddling(given[0].id);
          return plain.seal(...given);
        },
      };
      const job = createMeasuredChanges({
        transactions,
        health,
        settlers: [],
        log: quiet,
        settledMs: 0,
      });
      await job.run(new AbortController().signal);
      later();
    },

    /** One point a minute, counting up. */
    async submit(device: TestDevice, from: number, minutes: number, first = 0) {
      const points = upTo(minutes).map((index) => ({
        metric: 'pulse',
        value: first + index,
        timestamp: from + index * MINUTE,
      }));
      const receipt = await telemetry.submit(device, points);
      await applied();
      return receipt;
    },

    /** Under whose keys the points lie in the order of time, each of them named once. */
    async pointOwners(device: TestDevice): Promise<string[]> {
      const rows = await query(
        `select coalesce(c.subject_id::text, 'organisation') as subject from points p
         join points c on c.series_id = p.series_id and c.ts = p.chunk and c.sealed is not null
         where p.${ofDevice} order by p.ts`,
        [device.deviceId],
      );
      return runs(rows.map(({ subject }) => subject));
    },

    async rollupOwners(table: 'rollups_1m' | 'rollups_1h', device: TestDevice): Promise<string[]> {
      const rows = await query(
        `select coalesce(subject_id::text, 'organisation') as subject from ${table} where ${ofDevice} order by bucket`,
        [device.deviceId],
      );
      return runs(rows.map(({ subject }) => subject));
    },

    async values(device: TestDevice, to = base + 3 * HOUR): Promise<unknown[]> {
      const answer = await ask(telemetryRaw, device, { metric: 'pulse', from: at(base), to: at(to), limit: '10000' });
      return items(answer).map(({ value }) => value);
    },

    async counts(device: TestDevice, interval: '1m' | '1h', to = base + 3 * HOUR): Promise<unknown[]> {
      const asked = { metric: 'pulse', from: at(base), to: at(to), interval };
      const { buckets } = (await ask(telemetryHistory, device, asked)) as { buckets: Row[] };
      return buckets.map(({ count }) => count);
    },

    async end(): Promise<void> {
      await telemetry.drain();
      await database.drop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
