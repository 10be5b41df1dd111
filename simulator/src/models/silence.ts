import type { Model } from './model.ts';
import { occurring, type Seconds } from './signal.ts';

interface Silences {
  readonly seed: number;
  readonly everySeconds: Seconds;
  readonly leastSeconds: Seconds;
  readonly mostSeconds: Seconds;
}

/** The same device behind a weak radio link or a loose contact: now and then it says nothing for a while. */
export function withSilences(model: Model, { seed, everySeconds, leastSeconds, mostSeconds }: Silences): Model {
  const span = { everySeconds, reachSeconds: mostSeconds };
  return (atMs) => {
    const silent = occurring(seed, 50, atMs / 1000, span, (since, roll) =>
      since < leastSeconds + (mostSeconds - leastSeconds) * roll ? 1 : 0,
    );
    return silent > 0 ? null : model(atMs);
  };
}
