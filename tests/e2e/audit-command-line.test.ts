import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type OpenedCheckpoint, openCheckpoint } from '../../server/src/lib/transparency/checkpoint.ts';
import { readCheckpoints } from '../../server/src/lib/transparency/checkpoint-list.ts';
import { openLogFolder } from '../../server/src/lib/transparency/log-folder.ts';
import { parseVerifier } from '../../server/src/lib/transparency/signed-note.ts';
import { aPlace, type Place, stopped } from '../support/place.ts';
import { rewriteHistory, tamperAsOwner } from '../support/place-owner.ts';
import { aServer, type Finished, valtronics } from '../support/program.ts';

// The audit commands as processes, on a data folder with a server and without one, and a stranger who has neither.

const long = { timeout: 300_000 };
const serverSource = join(import.meta.dirname, '../../server/src');

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-audit-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const run = (place: Place, ...args: string[]): Promise<Finished> => valtronics(args, { env: place.env }).finished();

/** The document of a command that is to succeed. */
// biome-ignore lint/suspicious/noExplicitAny: a test looks into answers whose shape it is about to assert
async function json(place: Place, ...args: string[]): Promise<any> {
  const { code, out, err } = await run(place, ...args, '--json');
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${err}${out}`);
  return JSON.parse(out);
}

const aDevice = (place: Place, name: string) =>
  json(place, 'devices', 'create', '--name', name, '--type', 'temperature');

const checkpointsIn = (file: string, keys: readonly string[]): OpenedCheckpoint[] =>
  readCheckpoints(readFileSync(file, 'utf8')).map((note) => openCheckpoint(note, keys.map(parseVerifier)));

/** The log of the organisation in an export, which is not the instance's. */
const organisationIn = (folder: string): string =>
  join(
    folder,
    readdirSync(folder).find((name) => name !== 'instance' && existsSync(join(folder, name, 'checkpoint'))) ?? '',
  );

async function eventsIn(folder: string, key: string): Promise<{ id: string; event: string; position: number }[]> {
  const { source } = openLogFolder(folder, [parseVerifier(key)]);
  return (await source.leaves(0, source.size)).map(({ position, entry }) => ({
    ...JSON.parse(entry?.toString() ?? '{}'),
    position,
  }));
}

/** The program the documentation names, on a machine that has nothing of ours but it and what it is to verify. */
function aStranger() {
  const folder = aFolder();
  cpSync(join(serverSource, 'audit-verifier.ts'), join(folder, 'audit-verifier.ts'));
  cpSync(join(serverSource, 'lib'), join(folder, 'lib'), { recursive: true });
  return {
    folder,
    verify(...args: string[]) {
      const options = { cwd: folder, encoding: 'utf8', env: {}, timeout: 60_000 } as const;
      const { status, stdout, stderr } = spawnSync(process.execPath, ['audit-verifier.ts', ...args], options);
      return { code: status, out: stdout, err: stderr };
    },
  };
}

function onlyFile(folder: string): string {
  const [name = '', ...more] = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  expect(more).toEqual([]);
  return name;
}

test(
  'without a server: verified, exported, proven, and what a stranger verifies from the files alone',
  long,
  async () => {
    const place = await aPlace();
    await aDevice(place, 'One');
    await aDevice(place, 'Two');
    const { keys, isGood, logs } = await json(place, 'audit', 'verify');
    expect([keys.length, isGood, logs.length]).toEqual([1, true, 2]);
    for (const log of logs) {
      expect([log.findings, log.badNotes, log.trustedSize]).toEqual([[], 0, 0]);
      expect(log.cannotExclude).toContain('give --checkpoint');
    }
    const [key] = keys;

    const work = aFolder();
    const folder = join(work, 'export');
    const exported = await json(place, 'audit', 'export', folder);
    expect(exported).toMatchObject({ folder, key });
    expect(exported.logs.map(({ origin }: { origin: string }) => origin).sort()).toEqual(
      logs.map(({ origin }: { origin: string }) => origin).sort(),
    );
    expect(await run(place, 'audit', 'export', folder)).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('is there already'),
    });

    const own = organisationIn(folder);
    const registered = (await eventsIn(own, key)).filter(({ event }) => event === 'device.registered');
    expect(registered).toHaveLength(2);
    const [first] = registered;
    const proof = await run(place, 'audit', 'prove', first?.id ?? '');
    expect(proof.code).toBe(0);
    const proofFile = join(work, 'event.tlog-proof');
    writeFileSync(proofFile, proof.out);
    const proven = await json(place, 'audit', 'verify', proofFile, '--key', key);
    expect(proven).toMatchObject({ position: first?.position, event: { id: first?.id, event: 'device.registered' } });

    // On our machine with our command, and elsewhere without it.
    expect(await json(place, 'audit', 'verify', folder, '--key', key)).toMatchObject({ isGood: true });
    const stranger = aStranger();
    const clean = stranger.verify(folder, '--key', key, '--json');
    expect([clean.code, JSON.parse(clean.out).isGood]).toEqual([0, true]);
    const shown = stranger.verify(proofFile, '--key', key);
    expect([shown.code, JSON.parse(shown.out).event.id]).toEqual([0, first?.id]);

    const bundle = onlyFile(join(own, 'tile/entries'));
    const bytes = readFileSync(bundle);
    bytes.write('failure', bytes.indexOf('success', bytes.indexOf(first?.id ?? '')));
    writeFileSync(bundle, bytes);
    const tampered = stranger.verify(folder, '--key', key);
    expect(tampered.code).toBe(1);
    expect(tampered.out).toContain(`BAD  position ${first?.position} is not what was logged`);
    const { logs: bad, isGood: isStillGood } = JSON.parse(stranger.verify(folder, '--key', key, '--json').out);
    expect(isStillGood).toBe(false);
    expect(bad.flatMap(({ findings }: { findings: object[] }) => findings)).toEqual([
      expect.objectContaining({ kind: 'edited', position: first?.position }),
    ]);
    const byCommand = await run(place, 'audit', 'verify', folder, '--key', key);
    expect([byCommand.code, byCommand.err]).toEqual([1, 'valtronics: the audit log is not what was signed\n']);
    expect(byCommand.out).toContain(`BAD  position ${first?.position} is not what was logged`);

    const altered = join(work, 'altered.tlog-proof');
    const [header = '', extra = '', ...rest] = proof.out.split('\n');
    const said = Buffer.from(extra.slice('extra '.length), 'base64').toString().replace('success', 'failure');
    writeFileSync(altered, [header, `extra ${Buffer.from(said).toString('base64')}`, ...rest].join('\n'));
    const refused = stranger.verify(altered, '--key', key);
    expect([refused.code, refused.out, refused.err]).toEqual([
      1,
      '',
      expect.stringContaining('does not stand at position'),
    ]);
  },
);

test('what is typed wrongly is said with exit code 2, and what is not there with 1', long, async () => {
  const place = await aPlace();
  for (const args of [
    ['verify', '--chekpoint', 'x'],
    ['export'],
    ['prove', 'everything'],
    ['consistency', '--from', 'x'],
    ['witness', '/nowhere'],
    ['witness', '/nowhere', '--name', 'w', '--every', '0'],
  ])
    expect([args, (await run(place, 'audit', ...args)).code]).toEqual([args, 2]);
  // None of them has made or started anything.
  expect(existsSync(place.dataDir)).toBe(false);
  for (const args of [
    ['verify', '/nowhere'],
    ['prove', '0198e5a0-7b0e-7c31-9f5e-2f6f0f6c1a11'],
    ['consistency', '--from', '/nowhere', '--to', '/nowhere'],
    ['export', join(aFolder(), 'x'), '--organisation', 'nobody'],
  ]) {
    const { code, out, err } = await run(place, 'audit', ...args);
    expect([args, code, out, err.split('\n').length]).toEqual([args, 1, '', 2]);
  }
});

test(
  'with a server: checkpoints are continued, and what its owner changes in the database is named',
  long,
  async () => {
    const place = await aPlace();
    await aDevice(place, 'Before');
    const work = aFolder();
    const earlier = join(work, 'earlier');
    const { key } = await json(place, 'audit', 'export', earlier);
    const server = aServer({ env: place.env });
    await server.says('Valtronics is running on');
    await aDevice(place, 'Meanwhile');
    const checkpointOf = (folder: string) => join(organisationIn(folder), 'checkpoint');
    const sizeOf = (folder: string) => checkpointsIn(checkpointOf(folder), [key])[0]?.size ?? 0;
    let turn = 0;
    const later = (): string => join(work, `later-${turn}`);
    await expect
      .poll(
        async () => {
          turn += 1;
          await json(place, 'audit', 'export', later());
          return sizeOf(later());
        },
        { timeout: 60_000, interval: 1_000 },
      )
      .toBeGreaterThan(sizeOf(earlier));

    const [from, to] = [checkpointOf(earlier), checkpointOf(later())];
    const continued = await json(place, 'audit', 'consistency', '--from', from, '--to', to);
    expect(continued).toMatchObject({ from: sizeOf(earlier), to: sizeOf(later()) });
    expect(continued.proof.length).toBeGreaterThan(0);
    expect((await run(place, 'audit', 'consistency', '--from', to, '--to', from)).code).toBe(1);
    const instance = join(later(), 'instance/checkpoint');
    expect(await run(place, 'audit', 'consistency', '--from', from, '--to', instance)).toMatchObject({
      code: 1,
      err: 'valtronics: these are checkpoints of two logs\n',
    });
    const anchored = await json(place, 'audit', 'verify', '--checkpoint', to);
    expect(anchored.logs.map(({ trustedSize }: { trustedSize: number }) => trustedSize).sort()).toEqual([
      0,
      sizeOf(later()),
    ]);

    const registered = (await eventsIn(organisationIn(later()), key)).find(
      ({ event }) => event === 'device.registered',
    );
    await tamperAsOwner(place, `update audit_events set outcome = 'failure' where id = '${registered?.id}'`);
    const found = await run(place, 'audit', 'verify', '--json');
    expect([found.code, found.err]).toEqual([1, 'valtronics: the audit log is not what was signed\n']);
    const findings = JSON.parse(found.out).logs.flatMap((log: { findings: object[] }) => log.findings);
    expect(findings).toEqual([
      expect.objectContaining({ kind: 'row_edited', position: registered?.position, eventId: registered?.id }),
    ]);
    expect(await stopped(server)).toBe(0);
  },
);

test(
  'a witness beside the server signs what continues, waits while there is none, and catches a history rewritten with the key of the log itself',
  long,
  async () => {
    const place = await aPlace();
    const folder = join(aFolder(), 'witness');
    let server = aServer({ env: place.env });
    await server.says('Valtronics is running on');
    await aDevice(place, 'One');
    const name = 'witness.example.com/audit';
    const watch = () =>
      valtronics(['audit', 'witness', folder, '--name', name, '--every', '1', '--json'], { env: place.env });
    const seenFile = join(folder, 'checkpoints');
    const { keys } = await json(place, 'audit', 'verify');
    const seen = () => (existsSync(seenFile) ? checkpointsIn(seenFile, keys) : []);
    const sizeSeen = () =>
      Math.max(
        0,
        ...seen()
          .filter(({ origin }) => !origin.endsWith('/instance'))
          .map(({ size }) => size),
      );

    let witness = watch();
    await expect.poll(sizeSeen, { timeout: 60_000, interval: 500 }).toBeGreaterThan(0);
    const before = sizeSeen();
    await aDevice(place, 'Two');
    await expect.poll(sizeSeen, { timeout: 60_000, interval: 500 }).toBeGreaterThan(before);
    // Ctrl-C ends it well; half a line as a power cut leaves it is no obstacle to the next.
    expect(await stopped(witness, 'SIGINT')).toBe(0);
    const ended = JSON.parse(witness.out());
    expect(parseVerifier(ended.key)).toMatchObject({ name, type: 4 });
    expect(ended.signed.map(({ size }: { size: number }) => size)).toContain(sizeSeen());
    writeFileSync(seenFile, '{"note":"localho', { flag: 'a' });
    witness = watch();
    await expect
      .poll(() => readFileSync(seenFile, 'utf8').endsWith('}\n'), { timeout: 60_000, interval: 200 })
      .toBe(true);

    expect(await stopped(server)).toBe(0);
    await expect
      .poll(() => witness.err(), { timeout: 60_000 })
      .toContain('no server runs on this data folder; looking again in 1 s');
    const kept = sizeSeen();
    await rewriteHistory(place);
    // By itself it verifies: it is the sequencer that wrote it, with the key of the log.
    expect((await json(place, 'audit', 'verify')).isGood).toBe(true);
    server = aServer({ env: place.env });
    // A witness that sees nothing wrong would go on for ever.
    await expect.poll(() => witness.child.exitCode, { timeout: 60_000 }).not.toBe(null);
    const { code, out, err } = await witness.finished();
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(/has \d+ entries that do not continue the \d+ seen before: it was rewritten or rolled back\n$/);
    // It did not sign it, and says the same again.
    expect(sizeSeen()).toBe(kept);
    await server.says('Valtronics is running on');
    const again = await run(place, 'audit', 'witness', folder, '--name', name);
    expect([again.code, again.out, again.err]).toEqual([
      1,
      '',
      expect.stringContaining('was rewritten or rolled back'),
    ]);
    const verified = await run(place, 'audit', 'verify', '--checkpoint', seenFile, '--json');
    expect(verified.code).toBe(1);
    const findings = JSON.parse(verified.out).logs.flatMap((log: { findings: object[] }) => log.findings);
    expect(findings).toContainEqual(expect.objectContaining({ kind: 'rewritten', position: 0 }));
    expect(await stopped(server)).toBe(0);
  },
);
