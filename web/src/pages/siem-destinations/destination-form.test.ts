import { siemDestinationCreate } from '@valtronics/contract';
import { describe, expect, it } from 'vitest';
import { blank, bodyOf } from './destination-form.ts';

const given = {
  ...blank,
  name: 'SIEM',
  target: 'siem.example.org',
  secret: 'token',
  index: 'main',
  serverName: 'x.org',
};

describe('what is sent of a destination', () => {
  it('is what its kind has, and nothing else that was typed', () => {
    expect(bodyOf({ ...given, kind: 'file' })).toEqual({ name: 'SIEM', format: 'ecs', target: 'siem.example.org' });
    expect(bodyOf({ ...given, kind: 'syslog_tls' })).toMatchObject({ serverName: 'x.org', ca: null, clientKey: null });
    expect(bodyOf({ ...given, kind: 'syslog_tls' })).not.toHaveProperty('secret');
    expect(bodyOf({ ...given, kind: 'splunk_hec' })).toMatchObject({ secret: 'token', index: 'main' });
    expect(bodyOf({ ...given, kind: 'https' })).toMatchObject({ batch: 'array' });
  });

  it('leaves a sealed key alone unless another is given or its certificate is taken away', () => {
    expect(bodyOf({ ...given, clientCertificate: 'PEM' })).not.toHaveProperty('clientKey');
    expect(bodyOf({ ...given, clientCertificate: 'PEM', clientKey: 'KEY' })).toMatchObject({ clientKey: 'KEY' });
  });

  it('is what the contract takes', () => {
    for (const kind of ['syslog_tls', 'https', 'splunk_hec', 'elasticsearch_bulk', 'file'] as const)
      expect([kind, siemDestinationCreate.body.safeParse({ ...bodyOf({ ...given, kind }), kind }).success]).toEqual([
        kind,
        true,
      ]);
  });
});
