import { type AllowListEntry, graceSeconds } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { invalidField, notFound, Problem } from '../../lib/problem.ts';
import type { AddressList } from '../../platform/config/addresses.ts';
import { runsInstance } from '../../security/access/instance.repository.ts';
import type { Member } from '../../security/access/principal.ts';
import type { AuditedTx, Reader } from '../../security/audit/tokens.ts';
import {
  type AllowListRow,
  deleteAllowed,
  insertAllowed,
  listAllowed,
} from '../../security/shield/allow-list.repository.ts';
import { MOST_ALLOWED } from '../../security/shield/allow-list.ts';
import { type BlockRow, liftBlocksWithin } from '../../security/shield/block.repository.ts';
import { networkOf, networkText } from '../../security/shield/networks.ts';
import { byOf, mustOperate } from './block.service.ts';

/** Half of the internet on it would be no list. */
const WIDEST = { 4: 8, 6: 16 } as const;

export function createAllowListService(deps: { trustedProxies: AddressList; allowList: AddressList; clock: Clock }) {
  const { clock } = deps;
  const ofSettings = (): AllowListEntry[] => [
    ...deps.trustedProxies.cidrs.map((network) => fixed(network, 'trusted_proxy')),
    ...deps.allowList.cidrs.map((network) => fixed(network, 'setting')),
  ];

  return {
    async list(reader: Reader) {
      if (!(await runsInstance(reader))) return { items: [], nextCursor: null };
      const rows = await listAllowed(reader, MOST_ALLOWED);
      return { items: [...ofSettings(), ...rows.map(present)], nextCursor: null };
    },

    /** What touches the network now ends with it: the allow-list wins at once, not at the next block. */
    async add(
      tx: AuditedTx,
      by: Member,
      wish: { network: string; note?: string | undefined },
    ): Promise<{ entry: AllowListEntry; lifted: BlockRow[] }> {
      await mustOperate(tx);
      const network = networkOf(wish.network);
      if (!network) throw invalidField('network', 'not an address, nor a network such as 203.0.113.0/24');
      if (network.prefix < WIDEST[network.family])
        throw invalidField('network', `no wider than /${WIDEST[network.family]}`);
      if ((await listAllowed(tx, MOST_ALLOWED)).length >= MOST_ALLOWED)
        throw new Problem('conflict', { detail: `There are ${MOST_ALLOWED} entries already.` });
      const now = clock.date();
      const maker = byOf(by);
      const row: AllowListRow = {
        id: newId(),
        network: networkText(network),
        note: wish.note === undefined || wish.note === '' ? null : wish.note,
        created_at: now,
        created_by: maker.id,
        created_by_label: maker.label,
      };
      if (!(await insertAllowed(tx, by.organisationId, row)))
        throw new Problem('conflict', { detail: `${row.network} is on the list already.` });
      const graceUntil = new Date(now.getTime() + graceSeconds * 1_000);
      const lifted = await liftBlocksWithin(tx, row.network, { at: now, by: maker, graceUntil });
      tx.describe({ resource: { kind: 'allow_list_entry', id: row.id }, details: { lifted: lifted.length } });
      return { entry: present(row), lifted };
    },

    async remove(tx: AuditedTx, id: string): Promise<void> {
      await mustOperate(tx);
      if ((await deleteAllowed(tx, id)) === undefined) throw notFound();
      tx.describe({ resource: { kind: 'allow_list_entry', id } });
    },
  };
}
export type AllowListService = ReturnType<typeof createAllowListService>;

const fixed = (network: string, source: 'setting' | 'trusted_proxy'): AllowListEntry => ({
  id: null,
  network,
  source,
  note: null,
  createdAt: null,
  createdBy: null,
});

const present = (row: AllowListRow): AllowListEntry => ({
  id: row.id,
  network: row.network,
  source: 'managed',
  note: row.note,
  createdAt: row.created_at.toISOString(),
  createdBy: row.created_by === null ? null : { id: row.created_by, label: row.created_by_label },
});
