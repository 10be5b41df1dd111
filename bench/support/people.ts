import { createUserRecords } from '../../server/src/features/identity/user-records.ts';
import { newId } from '../../server/src/lib/ids.ts';
import type { Database } from '../../server/src/platform/db/database.ts';
import type { Transactions } from '../../server/src/security/audit/transactions.types.ts';
import type { DataKeys } from '../../server/src/security/keys/data-keys.ts';

/** An organisation of so many people, sealed as those are whom the platform adds. Returns its id. */
export async function anOrganisationOf(
  count: number,
  {
    maintenance,
    transactions,
    dataKeys,
  }: Pick<Database, 'maintenance'> & { transactions: Transactions; dataKeys: DataKeys },
): Promise<number> {
  const made = await maintenance.query<{ id: number }>(
    `insert into organisations (public_id, name) values (gen_random_uuid(), 'Benchmark') returning id`,
  );
  const organisationId = made.rows[0]?.id ?? 0;
  const records = createUserRecords(dataKeys);
  await transactions.unaudited(organisationId, 'session_touch', async (tx) => {
    for (let number = 1; number <= count; number += 1)
      await records.insert(tx, {
        ...{ id: newId(), organisationId, role: 'user', status: 'active', passwordHash: null },
        email: `person-${number}-${organisationId}@example.org`,
        name: `Person ${number} of the ward`,
        phone: '+15551234567',
      });
  });
  return organisationId;
}
