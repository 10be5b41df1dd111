import { afterAll, beforeAll, expect, it } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { newId } from '../../lib/ids.ts';

// The bounds of an event are held by the function that gives it its place, whoever appends it.

let database: TestDatabase;
beforeAll(async () => {
  database = await aDatabase();
});
afterAll(() => database?.drop());

const inBounds: Readonly<Record<string, string | null>> = {
  event: 'e'.repeat(80),
  outcome: 'success',
  actor_kind: 'api_key',
  actor_id: 'ü'.repeat(80),
  actor_label: '🙂'.repeat(254),
  resource_kind: 'r'.repeat(80),
  resource_id: 'r'.repeat(80),
  request_id: 'q'.repeat(80),
};

async function append(fields: Readonly<Record<string, string | null>>, by = database.maintenance): Promise<void> {
  const names = Object.keys(fields);
  await by.query(
    `insert into audit_events (id, ${names.join(', ')}) values ($1, ${names.map((_, index) => `$${index + 2}`).join(', ')})`,
    [newId(), ...Object.values(fields)],
  );
}

const count = async (): Promise<number> =>
  Number((await database.admin.query('select count(*) from audit_events')).rows[0].count);

it('an event at its bounds is appended, and one without what it may leave out', async () => {
  const before = await count();
  await append(inBounds);
  const nothing = { actor_id: null, actor_label: null, resource_kind: null, resource_id: null, request_id: null };
  await append({ ...inBounds, ...nothing });
  expect(await count()).toBe(before + 2);
});

it.each([
  ['event', 'e'.repeat(81)],
  ['outcome', 'unknown'],
  ['outcome', ''],
  ['actor_kind', 'root'],
  ['actor_id', 'a'.repeat(81)],
  ['actor_label', 'a'.repeat(255)],
  ['resource_kind', 'r'.repeat(81)],
  ['resource_id', 'r'.repeat(81)],
  ['request_id', 'q'.repeat(81)],
])('one beyond them is refused, and nothing of it is left: %s', async (name, value) => {
  const before = await count();
  for (const by of [database.maintenance, database.server])
    await expect(append({ ...inBounds, [name]: value }, by)).rejects.toMatchObject({ code: '23514' });
  expect(await count()).toBe(before);
});
