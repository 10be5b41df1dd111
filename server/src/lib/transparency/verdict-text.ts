import { type Finding, findingKinds } from './verify-log.ts';
import type { FileVerdict } from './verify-offline.ts';

/** Whose word it is that the key is the log's: of whoever verifies, of this installation, or of the export itself. */
export type KeySource = 'given' | 'installation' | 'export';

/** What was found, and what could not be, in sentences. */
export function verdictText(verdicts: readonly FileVerdict[], keyFrom: KeySource): string {
  return [...(keyFrom === 'export' ? [KEY_OF_EXPORT] : []), ...verdicts.map(ofLog)].join('\n\n');
}

const KEY_OF_EXPORT =
  'The key is the one in the export itself. Whoever made the export anew with a key of their own would pass: compare it with one you trust, or give --key.';

function ofLog(verdict: FileVerdict): string {
  const {
    origin,
    size,
    root,
    findings,
    more,
    badNotes,
    checkpoints,
    prunedBelow,
    trustedSize,
    erasedValues = 0,
  } = verdict;
  return [
    origin,
    `  ${size} entries, ${checkpoints} checkpoints, root ${root.toString('base64')}`,
    ...(prunedBelow > 0
      ? [`  Events below position ${prunedBelow} were removed by retention; their hashes were verified.`]
      : []),
    ...(erasedValues > 0 ? [`  ${erasedValues} personal values were erased.`] : []),
    ...findings.map((finding) => `  BAD  ${findingText(finding)}`),
    ...more.map(({ kind, count }) => `  BAD  and ${count} more, each of which ${findingKinds[kind]}`),
    ...(badNotes > 0 ? [`  BAD  ${badNotes} stored checkpoints are not signed with this key`] : []),
    findings.length === 0 && badNotes === 0 ? '  Nothing was altered that this log or its checkpoints could tell.' : '',
    `  ${whatRemains(size, trustedSize)}`,
  ]
    .filter((line) => line !== '')
    .join('\n');
}

export function findingText({ kind, position, before, likely, eventId }: Finding): string {
  const at =
    position === null
      ? before === undefined
        ? `event ${eventId ?? 'unknown'}`
        : `something before position ${before}`
      : before === undefined
        ? `position ${position}${eventId === undefined ? '' : ` (event ${eventId})`}`
        : kind === 'truncated'
          ? `position ${position}`
          : `something from position ${position} to ${before - 1}`;
  return `${at} ${findingKinds[kind]}${likely === undefined ? '' : `; probably from position ${likely} on`}`;
}

/** What verification cannot know is part of its answer. */
export function whatRemains(size: number, trustedSize: number): string {
  if (trustedSize === 0) {
    return 'Without a checkpoint that left this host it cannot be excluded that everything was written anew with the key of the log, or that an older backup was restored: give --checkpoint.';
  }
  if (trustedSize >= size) return `All of it is what the trusted checkpoint of ${trustedSize} entries vouches for.`;
  return `The first ${trustedSize} entries are what the trusted checkpoint vouches for. Of the ${size - trustedSize} after them only the log's own key does.`;
}

export const isGood = (verdicts: readonly FileVerdict[]): boolean =>
  verdicts.every(({ findings, badNotes }) => findings.length === 0 && badNotes === 0);

export const verdictDocument = (verdicts: readonly FileVerdict[], keyFrom: KeySource) => ({
  isGood: isGood(verdicts),
  keyFrom,
  ...(keyFrom === 'export' ? { warning: KEY_OF_EXPORT } : {}),
  logs: verdicts.map(({ root, logged, ...verdict }) => ({
    ...verdict,
    root: root.toString('base64'),
    findings: verdict.findings.map((finding) => ({ ...finding, text: findingText(finding) })),
    cannotExclude: whatRemains(verdict.size, verdict.trustedSize),
    loggedCheckpoints: logged.length,
  })),
});
