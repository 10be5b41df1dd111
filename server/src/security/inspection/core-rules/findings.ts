/** A rule that matched in a text. */
export interface RuleFinding {
  readonly rule: string;
  /** As ModSecurity counts: 2 is critical, 5 a notice. */
  readonly severity: number;
  /** What it matched, and so something that somebody sent. */
  readonly matched: string;
}

const MAX_FINDINGS = 20;
const MAX_MATCHED = 40;

/**
 * What a line of the log says. The text itself stands in it, before the place of the rule as it is, after it with its quotes escaped: so
 * the last place is the true one, and of what follows no quoted field can be forged.
 */
const PLACE = /\[file "[^"]*\/REQUEST-[\w-]+\.conf"\] \[line "\d+"\] \[id "(\d{6})"\]/g;

export function findingsOf(lines: readonly string[]): RuleFinding[] {
  const found = new Map<string, RuleFinding>();
  for (const line of lines) {
    const place = [...line.matchAll(PLACE)].at(-1);
    const rule = place?.[1];
    if (place === undefined || rule === undefined || found.size >= MAX_FINDINGS) continue;
    const rest = line.slice(place.index);
    const severity = Number(/\[severity "(\d)"\]/.exec(rest)?.[1] ?? 2);
    const matched = /\[data "Matched Data: ([\s\S]*?) found within /.exec(rest)?.[1] ?? '';
    found.set(rule, { rule, severity, matched: matched.slice(0, MAX_MATCHED) });
  }
  return [...found.values()];
}
