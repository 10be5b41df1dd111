import { expect, it } from 'vitest';
import { changeSearch, oneOf } from './use-search-state.ts';

it('changes what is named, drops what became empty and keeps the rest', () => {
  const search = new URLSearchParams('status=error&type=vitals&range=1h');
  expect(changeSearch(search, { status: null, type: 'pressure', text: '' }).toString()).toBe('type=pressure&range=1h');
});

it('takes only the words it knows from the address', () => {
  expect(oneOf(['online', 'offline'], 'offline')).toBe('offline');
  expect(oneOf(['online', 'offline'], '<script>')).toBeUndefined();
});
