import type { Finding, FindingKind } from './verify-log.ts';

/** Of each kind. Whoever altered more is known by then; a log that was altered everywhere must fill neither the memory nor a screen. */
const MOST_TOLD = 100;

/** What was found, and how much more of the same is not told one by one. */
export interface Told {
  readonly findings: readonly Finding[];
  readonly more: readonly { readonly kind: FindingKind; readonly count: number }[];
}

interface ToldFindings {
  add(finding: Finding): void;
  addAll(told: Told): void;
  /** In the order they were added. */
  told(): Told;
}

/** Takes any number of findings, of which it keeps the first hundred of each kind and counts the rest. */
export function toldFindings(begun: Told = { findings: [], more: [] }): ToldFindings {
  const findings: Finding[] = [];
  const counts = new Map<FindingKind, number>();

  function count(kind: FindingKind, more: number): number {
    const sum = (counts.get(kind) ?? 0) + more;
    counts.set(kind, sum);
    return sum;
  }

  function add(finding: Finding): void {
    if (count(finding.kind, 1) <= MOST_TOLD) findings.push(finding);
  }

  function addAll(told: Told): void {
    for (const finding of told.findings) add(finding);
    for (const { kind, count: more } of told.more) count(kind, more);
  }

  addAll(begun);
  return {
    add,
    addAll,
    told() {
      const listed = (kind: FindingKind): number => findings.filter((finding) => finding.kind === kind).length;
      const more = [...counts].map(([kind, all]) => ({ kind, count: all - listed(kind) }));
      return { findings, more: more.filter((one) => one.count > 0) };
    },
  };
}
