import { permissions } from '@valtronics/contract';
import { expect, it } from 'vitest';
import { networksText, permissionSummary } from './key-words.ts';

it('says what a key may by area, in the order of the list', () => {
  expect(permissionSummary(['telemetry:read', 'device:write', 'device:read'])).toBe(
    'Device: read, write · Telemetry: read',
  );
  expect(permissionSummary(permissions)).toBe('Everything');
  expect(permissionSummary(permissions.slice(1))).not.toContain('Everything');
  expect(permissionSummary([])).toBe('');
});

it('says where a key may be used from, an address without the length of its network', () => {
  expect(networksText([])).toBe('anywhere');
  expect(networksText(['192.0.2.7/32', '192.0.2.0/24', '2001:db8::1/128', '2001:db8::/32'])).toBe(
    '192.0.2.7, 192.0.2.0/24, 2001:db8::1, 2001:db8::/32',
  );
});
