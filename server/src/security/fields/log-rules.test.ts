import { describe, expect, it } from 'vitest';
import { manualClock } from '../../lib/clock.ts';
import { createLogger } from '../../platform/log/log.ts';
import { fieldCatalogue } from './catalogue.ts';
import { catalogueLogRules } from './log-rules.ts';

const CANARY = 'canary-77f0';

function capture() {
  const lines: string[] = [];
  const write = (line: string) => lines.push(line);
  return { lines, log: createLogger({ level: 'trace', clock: manualClock(0), rules: catalogueLogRules, write }) };
}
const camel = (text: string) => text.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());

describe('[ASVS 16.2.5] a log line', () => {
  const personal = fieldCatalogue.filter(
    ({ class: kind, basis }) => kind !== 'secret' && ['account', 'care', 'operation'].includes(basis),
  );

  it('holds no value under the name of a field of a person, in any spelling and at any depth', () => {
    expect(personal.length).toBeGreaterThan(25);
    for (const { table, column } of personal) {
      const { lines, log } = capture();
      const name = `${table.replace(/s$/, '')}_${column}`;
      log.info({ [name]: CANARY, deep: [{ [camel(name)]: { of: CANARY } }] }, 'a row');
      expect([name, lines.length, lines.join().includes(CANARY)]).toEqual([name, 1, false]);
    }
  });

  it.each(['email', 'ownerEmail', 'owner_email', 'phone', 'recipient', 'serial', 'subjectName', 'userName'])(
    'leaves out what is called %s',
    (name) => {
      const { lines, log } = capture();
      log.child({ [name]: CANARY }).warn({ request: { [name]: CANARY } }, 'it says %j', { [name]: CANARY });
      expect(lines).toHaveLength(1);
      expect(lines.join()).not.toContain(CANARY);
    },
  );

  it('masks email addresses and telephone numbers wherever they stand in a text', () => {
    const { lines, log } = capture();
    log.error(
      new Error('550 quentin.canary@clinic.example unknown'),
      'mail to %s, call %s',
      'ines@clinic.example',
      '+4915112345678',
    );
    const line = lines.join();
    expect(line).toContain('q************y@clinic.example unknown');
    expect(line).toContain('mail to i**s@clinic.example, call *********5678');
    expect(line).not.toMatch(/quentin|ines@|4915112/);
  });

  it('keeps what a log is for: who was refused from where, which job, how many, when', () => {
    const { lines, log } = capture();
    const fields = {
      event: 'access.refused',
      address: '203.0.113.7',
      job: 'devices.retention',
      name: 'nightly',
      reason: 'too many',
      value: 7,
      points: 15551234567,
      at: '2026-01-02T03:04:05.006+02:00',
      package: '@valtronics/contract',
      url: 'wss://localhost:8000/api/v1/live',
    };
    log.info(fields, 'took 12 of +5 seconds');
    expect(JSON.parse(lines.join())).toMatchObject({ ...fields, msg: 'took 12 of +5 seconds' });
  });
});
