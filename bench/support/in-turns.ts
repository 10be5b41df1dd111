/** What one side did in one round. */
export interface Done {
  readonly count: number;
  readonly seconds: number;
}

/**
 * Two sides of a comparison, round by round in turns: what else the machine does meanwhile, and how fast it happens to be, meets both.
 * A warm-up round of each is not counted: a server that was just started is what neither side is.
 */
export async function inTurns(
  rounds: number,
  ours: (round: number) => Promise<Done>,
  theirs: (round: number) => Promise<Done>,
): Promise<{ readonly ours: Done; readonly theirs: Done; readonly ratio: number }> {
  const sums = { ours: { count: 0, seconds: 0 }, theirs: { count: 0, seconds: 0 } };
  for (let round = 0; round <= rounds; round += 1) {
    const [mine, other] = [await ours(round), await theirs(round)];
    if (round === 0) continue;
    add(sums.ours, mine);
    add(sums.theirs, other);
  }
  return { ...sums, ratio: sums.ours.count / sums.ours.seconds / (sums.theirs.count / sums.theirs.seconds) };
}

function add(sum: { count: number; seconds: number }, { count, seconds }: Done): void {
  sum.count += count;
  sum.seconds += seconds;
}
