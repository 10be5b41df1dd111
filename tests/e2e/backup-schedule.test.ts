import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { askServer } from '../../server/src/control/control-client.ts';
import { loadConfig } from '../../server/src/platform/config/config.ts';
import { withClient } from '../../server/src/platform/db/with-client.ts';
import { adminBeside } from '../../server/src/start-database.ts';
import { aBackupPlace, running } from '../support/backup-place.ts';
import { done } from '../support/people-at-the-command-line.ts';
import { databaseProcesses, stopped } from '../support/place.ts';
import { valtronics } from '../support/program.ts';

test('a server with a place and a recipient makes a backup and tries it out, by itself', {
  timeout: 300_000,
}, async () => {
  const place = await aBackupPlace();
  const { folder, key, dataDir } = place;
  const env = {
    ...place.env,
    VALTRONICS_BACKUP_EVERY_HOURS: '24',
    VALTRONICS_BACKUP_KEEP_DAILY: '1',
    VALTRONICS_BACKUP_KEEP_WEEKLY: '0',
    VALTRONICS_BACKUP_KEEP_MONTHLY: '0',
  };
  // An older one of today, which is not kept beside a newer one.
  const { json: older } = await done(valtronics(['backup', 'create', '--json'], { env: place.env }));
  const { json: dry } = await done(valtronics(['backup', 'prune', '--dry-run', '--json'], { env }));
  expect(dry).toEqual({ place: folder, dispensable: [] });
  const second = (await done(valtronics(['backup', 'create', '--json'], { env: place.env }))).json.name;
  expect((await done(valtronics(['backup', 'prune', '--dry-run', '--json'], { env }))).json.dispensable).toEqual([
    older.name,
  ]);
  expect((await done(valtronics(['backup', 'prune', '--json'], { env }))).json.deleted).toEqual([older.name]);
  expect((await done(valtronics(['backup', 'verify', '--all', '--json'], { env }))).json.items).toHaveLength(1);

  const server = await running({ ...env, VALTRONICS_BACKUP_DRILL_IDENTITY: key });
  const { host } = (await askServer(dataDir, 'database.place', { uid: process.getuid?.() ?? 0, input: {} })) ?? {};
  const asked = (statement: string) =>
    withClient(
      adminBeside({ ...loadConfig({}), dataDir }, { host })('valtronics'),
      async (client) => (await client.query(statement)).rows,
    );
  // What the command made counts: it is not time yet. As if it were a day ago, it is.
  await asked(`update backup_runs set started_at = started_at - interval '25 hours' where backup = '${second}'`);
  const manifests = () => readdirSync(folder).filter((file) => file.endsWith('.manifest'));
  await expect.poll(manifests, { timeout: 90_000, interval: 500 }).not.toContain(`${second}.manifest`);
  expect(manifests()).toHaveLength(1);
  const [name] = manifests().map((file) => file.replace('.manifest', ''));
  await expect
    .poll(() => readdirSync(folder).filter((file) => file.startsWith(`${name}.drill-`)), {
      timeout: 120_000,
      interval: 500,
    })
    .toHaveLength(1);
  const events = await asked(
    `select event, actor_kind, actor_id from audit_events where event like 'backup.%' and actor_kind = 'system' order by at`,
  );
  const by = { actor_kind: 'system', actor_id: 'backups' };
  expect(events).toEqual(['backup.created', 'backup.deleted', 'backup.drilled'].map((event) => ({ event, ...by })));
  await expect
    .poll(() => asked(`select kind, outcome, scheduled from backup_runs where scheduled order by number`))
    .toEqual([
      { kind: 'create', outcome: 'done', scheduled: true },
      { kind: 'drill', outcome: 'done', scheduled: true },
    ]);
  await stopped(server);
  expect(databaseProcesses(dataDir)).toEqual([]);
});
