// Loaded before the product: a server like any other whose audit log appends nothing. What is told of an event once it is committed
// (security events, detection) is told here too, so that the log alone is what the two differ in.
import { registerHooks } from 'node:module';

const STUB = `
const appended = new WeakMap();
export const appendedIn = (tx) => appended.get(tx) ?? [];
export async function appendAuditEvent(tx, entry) {
  lastAuditEvent(tx, entry);
}
export function lastAuditEvent(tx, entry) {
  appended.set(tx, [...appendedIn(tx), entry]);
}
export const changedSessionsIn = () => false;
`;

registerHooks({
  load: (url, context, nextLoad) =>
    url.endsWith('/security/audit/audit-log.ts')
      ? { format: 'module', source: STUB, shortCircuit: true }
      : nextLoad(url, context),
});
