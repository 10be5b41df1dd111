import * as contract from '@valtronics/contract';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { DEFAULT_PAGE, decodeCursor, pageOf } from '../../lib/cursor.ts';
import { Problem } from '../../lib/problem.ts';
import type { Config } from '../../platform/config/config.ts';
import { runsInstance } from '../../security/access/instance.repository.ts';
import type { Reader } from '../../security/audit/tokens.ts';
import { SILENT_MS } from '../../security/backups/recorded-run.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import { findLastFailure, findUnderWay, listBackups, listDrills } from './backup.repository.ts';
import type { BackupSchedule, BackupSettings } from './backup.schedule.ts';
import { presentBackup, presentDrill, presentDue } from './backup.ts';
import { type PointInTimeDeps, statusOfPointInTime } from './point-in-time-status.ts';

const position = z.tuple([z.string().regex(/^\d{1,19}$/)]);

export function addBackupRoutes(deps: {
  gate: EndpointGate;
  schedule: Pick<BackupSchedule, 'due' | 'makeNow'>;
  settings: BackupSettings;
  recipients: number;
  keep: Config['backups']['keep'];
  pointInTime: PointInTimeDeps;
  clock: Clock;
}): void {
  const { gate, schedule, settings, recipients, keep, pointInTime, clock } = deps;
  const alive = (): Date => new Date(clock.now() - SILENT_MS);

  /** Backups hold the rows of every organisation. */
  async function mustRun(reader: Reader): Promise<void> {
    if (!(await runsInstance(reader)))
      throw new Problem('forbidden', { detail: 'Backups are for the organisation that runs this instance.' });
  }

  async function statusOf(reader: Reader): Promise<contract.BackupStatus> {
    const { create, base, drill } = await schedule.due(reader);
    const underWay = await findUnderWay(reader, alive());
    const failure = await findLastFailure(reader, alive());
    return {
      place: settings.place ?? null,
      recipients,
      next: presentDue(create),
      nextDrill: presentDue(drill),
      everyHours: settings.everyHours,
      drillEveryDays: settings.drillEveryDays,
      keep,
      underWay: underWay ? { ...underWay, startedAt: underWay.startedAt.toISOString() } : null,
      lastFailure: failure ? { at: failure.at.toISOString(), fault: failure.fault ?? 'it ended without a word' } : null,
      pointInTime: await statusOfPointInTime(reader, pointInTime, base),
    };
  }

  gate.handle(contract.backupsList, ({ query, read }) =>
    read(async (reader) => {
      await mustRun(reader);
      const limit = query.limit ?? DEFAULT_PAGE;
      const [before] = decodeCursor(query.cursor, position) ?? [];
      const rows = await listBackups(reader, { place: settings.place, before, limit: limit + 1 });
      return { ...pageOf(rows, limit, presentBackup, ({ number }) => [number]), status: await statusOf(reader) };
    }),
  );

  gate.handle(contract.backupDrillsList, ({ query, read }) =>
    read(async (reader) => {
      await mustRun(reader);
      const limit = query.limit ?? DEFAULT_PAGE;
      const [before] = decodeCursor(query.cursor, position) ?? [];
      return pageOf(await listDrills(reader, before, limit + 1), limit, presentDrill, ({ number }) => [number]);
    }),
  );

  gate.handle(contract.backupCreate, async ({ read, write }) => {
    await read(async (reader) => {
      await mustRun(reader);
      if (settings.place === undefined)
        throw new Problem('conflict', { detail: 'There is no place for backups, or nobody who could open them.' });
      if (await findUnderWay(reader, alive())) throw underWay();
    });
    const startedAt = clock.date().toISOString();
    await write(async (tx) =>
      tx.describe({ resource: { kind: 'backup', id: 'new' }, details: { place: settings.place } }),
    );
    // Recorded first: what was asked for is on record also where nothing comes of it.
    if (!schedule.makeNow()) throw underWay();
    return { startedAt };
  });
}

const underWay = () => new Problem('conflict', { detail: 'A backup or a drill is under way: one at a time.' });
