const LONGEST = 40;

/** The word that was probably meant, if one is near enough. */
export function nearestWord(given: string, words: readonly string[]): string | undefined {
  if (given.length === 0 || given.length > LONGEST) return undefined;
  const ranked = words
    .map((word) => ({ word, distance: word.startsWith(given) ? 0 : editDistance(given, word) }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  return best !== undefined && best.distance <= Math.max(1, Math.round(best.word.length / 2.5)) ? best.word : undefined;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substitution, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
