// The process that `core-rules.ts` starts: reads texts with ModSecurity's rules, one request after the other. It holds no key, is given no
// setting, and what kills it costs the server an answer.
import { findingsOf, type RuleFinding } from './findings.ts';
import { loadCoreRules } from './library.ts';
import type { InspectedText } from './texts.ts';

export type ToProcess = readonly Pick<InspectedText, 'text' | 'place'>[];
export type FromProcess =
  | { readonly kind: 'ready'; readonly version: string }
  | { readonly kind: 'absent'; readonly reason: string }
  | { readonly kind: 'findings'; readonly of: readonly (readonly RuleFinding[])[] };

const say = (message: FromProcess): void => void process.send?.(message);

// Ctrl-C and a supervisor tell the whole group: whether the server stops is the server's to say, which ends this process itself.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => undefined);
// Its parent is gone.
process.once('disconnect', () => process.exit());
try {
  const rules = await loadCoreRules();
  process.on('message', (texts: ToProcess) =>
    say({ kind: 'findings', of: texts.map(({ text, place }) => findingsOf(rules.linesAbout(text, place))) }),
  );
  say({ kind: 'ready', version: rules.version });
} catch (error) {
  say({ kind: 'absent', reason: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
  process.disconnect?.();
}
