import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { apiKeyJobs } from '../../server/src/features/access/api-key.jobs.ts';
import { createAccountMailbox } from '../../server/src/features/identity/account-mailbox.ts';
import { manualClock } from '../../server/src/lib/clock.ts';
import { secret } from '../../server/src/platform/config/secret.ts';
import { createLogger } from '../../server/src/platform/log/log.ts';
import { createMailer } from '../../server/src/platform/mail/mailer.ts';
import { createPeople } from '../../server/src/security/access/people.ts';
import { createTransactions } from '../../server/src/security/audit/transactions.ts';
import { anApp, freshAddress, type Person, type TestApp } from '../support/app.ts';
import { dataKeysOf } from '../support/data-keys.ts';
import { aMailServer, type TestMailServer } from '../support/mail-server.ts';

// Whoever made a key hears of its end in time to make another. The job is run by hand here; the mail goes the usual way.

const DAY_MS = 86_400_000;
const clock = manualClock(Date.now());
let mail: TestMailServer;
let app: TestApp;
let maker: Person;
let remind: () => Promise<void>;

beforeAll(async () => {
  mail = await aMailServer();
  app = await anApp({ clock, env: { VALTRONICS_SMTP_URL: mail.url } });
  maker = await app.aPerson('admin');
  const transactions = createTransactions(app.database);
  const dataKeys = await dataKeysOf(app);
  const log = createLogger({ level: 'error', clock });
  const mailer = createMailer({ smtpUrl: secret(mail.url), publicUrl: new URL(app.origin) });
  const mailbox = createAccountMailbox({ transactions, dataKeys, mailer, clock, log });
  const [job] = apiKeyJobs({ transactions, people: createPeople(dataKeys), mailbox, clock });
  remind = async () => job?.run(AbortSignal.timeout(10_000));
});
beforeEach(() => app.freshProof(maker));
afterAll(async () => {
  await app?.stop();
  mail?.close();
});

async function aKey(label: string, expiresInDays: number): Promise<string> {
  const { json } = await app.call('POST', '/api/v1/auth/api-keys', {
    token: maker.accessToken,
    from: freshAddress(),
    body: { label, permissions: ['device:read'], expiresInDays },
  });
  return json.key.id;
}

it('[ASVS 6.4.5] the maker of a key is told two weeks before it ends, once, and never of one that is revoked', async () => {
  await aKey('Ends first', 20);
  await aKey('Ends later', 60);
  const revoked = await aKey('Was revoked', 20);
  await app.call('DELETE', `/api/v1/auth/api-keys/${revoked}`, { token: maker.accessToken, from: freshAddress() });
  const told = async () => {
    const { rows } = await app.database.admin.query<{ label: string }>(
      'select label from api_keys where reminded_at is not null order by label',
    );
    return rows.map(({ label }) => label);
  };
  await remind();
  expect(await told()).toEqual([]);

  clock.advance(7 * DAY_MS);
  await Promise.all([remind(), remind()]);
  await remind();
  expect(await told()).toEqual(['Ends first']);
  const { text } = await mail.next(maker.email, 'An API key ends soon');
  expect(text).toContain('Ends first');
  expect(mail.to(maker.email).filter(({ subject }) => subject.includes('ends soon'))).toHaveLength(1);

  // Nobody is told of a key that has ended already.
  await app.database.admin.query(`update api_keys set expires_at = $1, created_at = $1 where label = 'Ends later'`, [
    clock.date(),
  ]);
  await remind();
  expect(await told()).toEqual(['Ends first']);
});
