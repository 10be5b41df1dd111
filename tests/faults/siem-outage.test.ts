import { expect, it } from 'vitest';
import { siemOutage } from '../support/siem-outage.ts';
import { hasSyslog, syslogKinds } from '../support/syslog-receivers.ts';

const installed = syslogKinds.filter((kind) => hasSyslog[kind]);
for (const kind of syslogKinds)
  if (!hasSyslog[kind]) process.stderr.write(`NOT INSTALLED, so nothing is tested with it: ${kind}\n`);

it.runIf(installed.length > 0)(
  'syslog receivers away for 20 s and kill -9 on both sides: no event is missing, none comes before its turn',
  async () => {
    const { events, of, spooled } = await siemOutage(installed, 20);
    expect(events).toBeGreaterThan(1_000);
    expect(spooled).toBeGreaterThan(0);
    for (const kind of installed) expect({ kind, ...of[kind] }).toMatchObject({ kind, missing: [], early: [] });
  },
  300_000,
);
