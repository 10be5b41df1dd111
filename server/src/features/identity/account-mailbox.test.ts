import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { aMailServer, type TestMailServer } from '../../../../tests/support/mail-server.ts';
import { secret } from '../../platform/config/secret.ts';
import { createLogger } from '../../platform/log/log.ts';
import { createMailer } from '../../platform/mail/mailer.ts';
import { aClock, aKeyStoreFile, anOrganisation, aRootKey, aServerOfKeys } from '../../security/keys/keys.builders.ts';
import { createAccountMailbox } from './account-mailbox.ts';

const clock = aClock(Date.now());
const damaged: string[] = [];
let database: TestDatabase;
let server: Awaited<ReturnType<typeof aServerOfKeys>>;
let mail: TestMailServer;
let organisationId: number;
let log: string[];

beforeAll(async () => {
  database = await aDatabase();
  server = await aServerOfKeys(database, {
    rootKey: aRootKey(),
    clock,
    file: aKeyStoreFile(),
    onDamaged: ({ row }) => void damaged.push(row),
  });
  organisationId = await anOrganisation(database);
  mail = await aMailServer();
});
beforeEach(() => {
  log = [];
});
afterAll(async () => {
  mail?.close();
  server?.subjectKeys.close();
  await database?.drop();
});

function aMailbox(smtpUrl: string | undefined = mail.url) {
  const { transactions, dataKeys } = server;
  const mailer = createMailer({
    smtpUrl: smtpUrl === '' ? undefined : secret(smtpUrl),
    publicUrl: new URL('https://valtronics.example'),
  });
  const logger = createLogger({ level: 'info', clock, write: (line) => log.push(line) });
  const mailbox = createAccountMailbox({ transactions, dataKeys, mailer, clock, log: logger });
  const put = (email: string) =>
    transactions.unaudited(organisationId, 'account_mail', (tx) =>
      mailbox.put(tx, { organisationId, email }, { kind: 'password_changed' }),
    );
  const deliver = async () => {
    for (const job of mailbox.jobs) await job.run(new AbortController().signal);
  };
  return { mailbox, put, deliver };
}
const waiting = async () =>
  (await database.admin.query('select id, attempts, due_at from account_mails order by id')).rows;
const flip = (id: string) =>
  database.admin.query(
    'update account_mails set message_sealed = set_byte(message_sealed, 75, get_byte(message_sealed, 75) # 1) where id = $1',
    [id],
  );

test('says whether it takes a mail: not to what is no address, and without a mail server none', async () => {
  const { put, mailbox } = aMailbox();
  expect([await put('ada@example.org'), await put('unreadable'), await put('')]).toEqual([true, false, false]);
  expect(await waiting()).toHaveLength(1);
  const without = aMailbox('');
  expect([mailbox.isOpen, without.mailbox.isOpen, await without.put('ada@example.org')]).toEqual([true, false, false]);
  await database.admin.query('delete from account_mails');
});

test('a waiting mail that somebody altered waits on, keeps no other from being sent, and is sent once it is repaired', async () => {
  const { put, deliver } = aMailbox();
  await put('altered@example.org');
  const [{ id }] = await waiting();
  await flip(id);
  for (let n = 0; n < 25; n += 1) await put(`whole-${n}@example.org`);

  await deliver();
  for (let n = 0; n < 25; n += 1) expect(mail.to(`whole-${n}@example.org`)).toHaveLength(1);
  const [left, ...others] = await waiting();
  expect([left.id, left.attempts, others]).toEqual([id, 1, []]);
  expect(left.due_at.getTime()).toBe(clock.now() + 15_000);
  expect(damaged).toEqual([id]);
  expect(log.join('')).toContain('could not be sent');

  clock.pass(15);
  await deliver();
  const [again] = await waiting();
  expect([again.attempts, again.due_at.getTime()]).toEqual([2, clock.now() + 30_000]);

  await flip(id);
  clock.pass(30);
  await deliver();
  expect(mail.to('altered@example.org')).toHaveLength(1);
  expect(await waiting()).toEqual([]);
});
