import { expect, it } from 'vitest';
import { siemOutage } from '../support/siem-outage.ts';
import { hasSyslog, syslogKinds } from '../support/syslog-receivers.ts';

it('rsyslog and syslog-ng away for 10 minutes and kill -9 on both sides: no event is missing, none comes before its turn', async () => {
  expect(hasSyslog).toEqual({ rsyslog: true, 'syslog-ng': true });
  const { events, of } = await siemOutage(syslogKinds, 600);
  const received = syslogKinds.map((kind) => `${kind} ${of[kind]?.received}`).join(', ');
  process.stdout.write(`${events} events; received with those sent again: ${received}\n`);
  for (const kind of syslogKinds) expect({ kind, ...of[kind] }).toMatchObject({ kind, missing: [], early: [] });
});
