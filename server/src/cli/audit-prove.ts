import { isId } from '../lib/ids.ts';
import { proveEvent } from '../security/audit/export-log.ts';
import { command } from './command.ts';
import { CommandError, UsageError } from './command-error.ts';
import { withAuditLog } from './with-audit-log.ts';

export const auditProve = command(
  {
    name: 'audit prove',
    summary: 'Print the proof that an event stands in the audit log (c2sp.org/tlog-proof)',
    argument: 'EVENT-ID',
    options: {},
    examples: ['audit prove 0198e5a0-7b0e-7c31-9f5e-2f6f0f6c1a11 > event.tlog-proof'],
    notes: 'It holds the event with its personal values. Verify it with "audit verify FILE --key KEY", or offline.',
  },
  async ({ argument: id }, output) => {
    if (!isId(id)) throw new UsageError('EVENT-ID is the id of an event of the audit log');
    const proven = await withAuditLog(undefined, ({ keys, read }) => read((reader) => proveEvent(reader, id, keys)));
    if (!proven)
      throw new CommandError('there is no such event, or it is not signed yet: that takes up to five seconds');
    const { proof, position, checkpoint } = proven;
    output.result({ id, position, origin: checkpoint.origin, size: checkpoint.size, proof }, proof.trimEnd());
  },
);
