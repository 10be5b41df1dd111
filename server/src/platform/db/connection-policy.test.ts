import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ConnectionPolicyError, parseDatabaseUrl } from './connection-policy.ts';

const unread = (path: string): string => {
  throw new Error(`unexpected read of ${path}`);
};

test.each([
  'postgres://db.example.org/valtronics',
  'postgres://user:secret@db.example.org/valtronics?sslmode=disable',
  'postgres://user:secret@db.example.org/valtronics?sslmode=prefer',
  'postgres://user:secret@db.example.org/valtronics?sslmode=require',
  'postgres://user:secret@db.example.org/valtronics?sslmode=verify-ca',
  'postgres://user:secret@db.example.org/valtronics?sslmode=no-verify',
  'postgres://user:secret@10.0.0.5/valtronics',
  'postgres://user:secret@[2001:db8::1]/valtronics',
  'postgres://user:secret@localhost.example.org/valtronics',
  'postgres://user:secret@127.0.0.1.example.org/valtronics',
  'postgres://user:secret@0x7f000001.example/valtronics',
  'postgres:///valtronics?host=db.example.org',
])('off this machine nothing but verified TLS is accepted: %s', (url) => {
  expect(() => parseDatabaseUrl(url, unread)).toThrow(ConnectionPolicyError);
});

test.each([
  ['an unknown parameter', 'postgres://localhost/valtronics?uselibpqcompat=true'],
  ['a parameter given twice', 'postgres://db.example.org/valtronics?sslmode=verify-full&sslmode=disable'],
  ['a second host that would win', 'postgres://localhost/valtronics?host=db.example.org'],
  ['several hosts', 'postgres:///valtronics?host=localhost,db.example.org'],
  ['no host', 'postgres:///valtronics'],
  ['another scheme', 'mysql://localhost/valtronics'],
  ['no URL', 'localhost:5432'],
  ['TLS asked of a socket', 'postgres:///valtronics?host=/run/postgresql&sslmode=verify-full'],
  ['a certificate without its key', 'postgres://db.example.org/v?sslmode=verify-full&sslcert=/x.pem'],
  ['a broken escape', 'postgres://us%zzer@localhost/valtronics'],
])('%s is refused', (_, url) => {
  expect(() => parseDatabaseUrl(url, () => 'content')).toThrow(ConnectionPolicyError);
});

test('verified TLS checks the host of the URL, for names as for addresses, against the CA that was named', () => {
  for (const host of ['db.example.org', '10.0.0.5', '[2001:db8::1]']) {
    const { connection, isLocal } = parseDatabaseUrl(
      `postgres://u:p@${host}/plant?sslmode=verify-full&sslrootcert=/etc/ca.pem`,
      (path) => `content of ${path}`,
    );
    expect(isLocal).toBe(false);
    expect(connection).toMatchObject({
      host: host.replace(/[[\]]/g, ''),
      port: 5432,
      user: 'u',
      password: 'p',
      database: 'plant',
      enableChannelBinding: true,
      ssl: { rejectUnauthorized: true, ca: 'content of /etc/ca.pem' },
    });
    const { ssl } = connection;
    if (typeof ssl !== 'object') throw new Error('no TLS');
    // Whatever name the driver passes on, the certificate is compared with the host of the URL.
    const certificate = { subject: { CN: 'localhost' }, subjectaltname: 'DNS:localhost' };
    expect(ssl.checkServerIdentity?.('localhost', certificate as never)).toBeInstanceOf(Error);
  }
});

test.each([
  ['postgres://u:p%40ss@127.0.0.1:6543/plant', { host: '127.0.0.1', port: 6543, password: 'p@ss', database: 'plant' }],
  ['postgresql://u@localhost', { host: 'localhost', port: 5432, password: undefined, database: 'valtronics' }],
  ['postgres://u@[::1]/plant?sslmode=disable', { host: '::1', database: 'plant' }],
  ['postgres:///plant?host=/run/postgresql', { host: '/run/postgresql', database: 'plant', user: undefined }],
  ['postgres://%2Frun%2Fpostgresql/plant', { host: '/run/postgresql', database: 'plant' }],
])('on this machine plain text is fine: %s', (url, expected) => {
  const { connection, isLocal } = parseDatabaseUrl(url, unread);
  expect(isLocal).toBe(true);
  expect(connection).toMatchObject({ ...expected, ssl: false });
});

test('[ASVS 12.3.2] whatever the text, it is refused, local, or verified; and a refusal never repeats it', () => {
  const host = fc.oneof(
    fc.domain(),
    fc.ipV4(),
    fc.ipV6().map((address) => `[${address}]`),
    fc.constantFrom('localhost', '127.0.0.1', '[::1]', ''),
  );
  const parameters = fc.dictionary(
    fc.constantFrom('sslmode', 'host', 'sslrootcert', 'ssl', 'SSLMODE', 'application_name'),
    fc.oneof(fc.constantFrom('verify-full', 'disable', 'require', 'no-verify', '/run/postgresql'), fc.domain()),
  );
  fc.assert(
    fc.property(host, parameters, (name, query) => {
      const url = `postgres://u:hunter2hunter2@${name}/plant?${new URLSearchParams(query)}`;
      try {
        const { connection, isLocal } = parseDatabaseUrl(url, () => 'pem');
        const verified = typeof connection.ssl === 'object' && connection.ssl.rejectUnauthorized === true;
        expect(isLocal || verified).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(ConnectionPolicyError);
        expect(String(error)).not.toContain('hunter2');
      }
    }),
  );
});
