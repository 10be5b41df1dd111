/** What was handed to a receiver that acknowledges nothing, and how much of it has certainly arrived. */
export interface Overlap {
  /** Everything up to here has arrived. */
  settled(): number;
  /** Everything up to here was handed over. */
  sent(): number;
  /** When the oldest was handed over that may not have arrived. */
  since(): number | undefined;
  add(position: number, at: number): void;
  /** At that moment the receiver had read everything handed over long enough before. */
  confirmed(at: number): void;
  /** It arrived, says the receiver. */
  acknowledged(position: number): void;
  /** After a break: what has not certainly arrived is to be sent again. */
  forget(): void;
}

interface Portion {
  readonly from: number;
  /** Of its last event: it settles as a whole. */
  at: number;
  position: number;
}

/** Of one portion, so that a flood does not make many. */
const PORTION_MS = 1_000;

/**
 * What was handed over less than `keepMs` before the receiver confirmed stays in the overlap until it confirms again, for two reasons: it may
 * lie in the memory of a receiver that crashes before it writes, which then is heard to end; and where the receiver broke off by itself in
 * the very moment we asked, its end looks like an answer although what was still on its way never arrived.
 */
export function createOverlap(start: number, keepMs: number): Overlap {
  let settled = start;
  let portions: Portion[] = [];

  return {
    settled: () => settled,
    sent: () => portions.at(-1)?.position ?? settled,
    since: () => portions[0]?.at,
    add(position, at) {
      const last = portions.at(-1);
      if (last === undefined || at - last.from >= PORTION_MS) portions.push({ from: at, at, position });
      else Object.assign(last, { position, at });
    },
    confirmed(at) {
      for (let first = portions[0]; first !== undefined && at - first.at >= keepMs; first = portions[0]) {
        settled = first.position;
        portions.shift();
      }
    },
    acknowledged(position) {
      settled = position;
      portions = [];
    },
    forget() {
      portions = [];
    },
  };
}
