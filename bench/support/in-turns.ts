import { percentile } from './outcome.ts';

/** What one side did in one round. */
export interface Done {
  readonly count: number;
  readonly seconds: number;
}

/**
 * Two sides of a comparison, round by round in turns: what else the machine does meanwhile, and how fast it happens to be, meets both.
 * The ratio is the median of the rounds', so that a stretch in which the machine was busy with something else does not decide. A warm-up
 * round of each is not counted: a server that was just started is what neither side is.
 */
export async function inTurns(
  rounds: number,
  ours: (round: number) => Promise<Done>,
  theirs: (round: number) => Promise<Done>,
): Promise<{ readonly ours: Done; readonly theirs: Done; readonly ratio: number; readonly ratios: string }> {
  const sums = { ours: { count: 0, seconds: 0 }, theirs: { count: 0, seconds: 0 } };
  const ratios: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const [mine, other] = [await ours(round), await theirs(round)];
    if (round === 0) continue;
    add(sums.ours, mine);
    add(sums.theirs, other);
    ratios.push(mine.count / mine.seconds / (other.count / other.seconds));
  }
  const spread = `${percentile(ratios, 0).toFixed(2)}–${percentile(ratios, 1).toFixed(2)} in ${rounds} rounds`;
  return { ...sums, ratio: percentile(ratios, 0.5), ratios: spread };
}

function add(sum: { count: number; seconds: number }, { count, seconds }: Done): void {
  sum.count += count;
  sum.seconds += seconds;
}
