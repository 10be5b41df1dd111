/** What was handed to a receiver that acknowledges nothing, and how much of it has certainly arrived. */
export interface Overlap {
  /** Everything up to here has arrived. */
  settled(): number;
  /** Everything up to here was handed over. */
  sent(): number;
  add(position: number, bytes: number, at: number): void;
  /** The receiver has read everything handed over so far. */
  confirmed(): void;
  /** Bytes it may not have read, and since when. */
  unread(): { readonly bytes: number; readonly since: number | undefined };
  /** Counts as arrived what was read and is old enough. */
  settle(now: number): void;
  /** It arrived, says the receiver. */
  acknowledged(position: number): void;
  /** After a break: what has not certainly arrived is to be sent again. */
  forget(): void;
}

interface Portion {
  position: number;
  bytes: number;
  readonly at: number;
  isRead: boolean;
}

/**
 * Two things keep a portion in the overlap. Until the receiver confirms, it may lie unread in a buffer of either machine. And for a while
 * after, it may lie in the memory of a receiver that crashes before it writes: what was read less than `keepMs` ago is sent again as well.
 */
export function createOverlap(start: number, keepMs: number): Overlap {
  let settled = start;
  let portions: Portion[] = [];

  return {
    settled: () => settled,
    sent: () => portions.at(-1)?.position ?? settled,
    add(position, bytes, at) {
      const last = portions.at(-1);
      if (last === undefined && bytes === 0) settled = position;
      // Of the same second: one portion, so that a flood does not make many.
      else if (last !== undefined && !last.isRead && at - last.at < 1000) {
        last.position = position;
        last.bytes += bytes;
      } else portions.push({ position, bytes, at, isRead: false });
    },
    confirmed() {
      for (const portion of portions) portion.isRead = true;
    },
    unread() {
      const waiting = portions.filter(({ isRead, bytes }) => !isRead && bytes > 0);
      return { bytes: waiting.reduce((sum, { bytes }) => sum + bytes, 0), since: waiting[0]?.at };
    },
    settle(now) {
      while (portions[0]?.isRead && now - portions[0].at >= keepMs) settled = portions.shift()?.position ?? settled;
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
