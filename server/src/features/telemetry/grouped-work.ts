/**
 * Merges work of the same organisation: while one transaction runs, what else is asked for waits and goes together into the next.
 * Every caller's promise is that of the transaction its items went into.
 */
export function groupedByOrganisation<Item>(
  run: (organisationId: number, items: readonly Item[]) => Promise<void>,
): (organisationId: number, items: readonly Item[]) => Promise<void> {
  interface Group {
    items: Item[];
    done: Promise<void>;
  }
  const running = new Map<number, Promise<void>>();
  const waiting = new Map<number, Group>();

  async function runAfter(before: Promise<void> | undefined, organisationId: number, group: Group): Promise<void> {
    await before?.catch(() => {});
    if (waiting.get(organisationId) === group) waiting.delete(organisationId);
    await run(organisationId, group.items);
  }

  return (organisationId, items) => {
    const joined = waiting.get(organisationId);
    if (joined) {
      joined.items.push(...items);
      return joined.done;
    }
    const before = running.get(organisationId);
    const group: Group = { items: [...items], done: Promise.resolve() };
    if (before) waiting.set(organisationId, group);
    const done = runAfter(before, organisationId, group);
    group.done = done;
    running.set(organisationId, done);
    const finished = () => {
      if (running.get(organisationId) === done) running.delete(organisationId);
    };
    done.then(finished, finished);
    return done;
  };
}
