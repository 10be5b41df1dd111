import { expect, it } from 'vitest';
import { clientName } from './client-name.ts';

it.each([
  ['Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36', 'Chrome on Linux'],
  ['Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0', 'Edge on Windows'],
  ['Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1', 'Safari on iOS'],
  ['curl/8.9.1', 'curl/8.9.1'],
  [null, 'Unknown client'],
])('%s is %s', (userAgent, name) => {
  expect(clientName(userAgent)).toBe(name);
});
