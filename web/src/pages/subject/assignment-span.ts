interface Span {
  readonly from: string;
  readonly until: string | null;
}

const startOf = ({ from }: Span) => Date.parse(from);
const endOf = ({ until }: Span) => (until === null ? Number.POSITIVE_INFINITY : Date.parse(until));

export function stateAt(span: Span, now: number): 'past' | 'now' | 'planned' {
  if (startOf(span) > now) return 'planned';
  return endOf(span) > now ? 'now' : 'past';
}

/** Where a span lies on the axis of all of them, in percent; an open one reaches to the end of the axis, which is now or later. */
export function spanIn(all: readonly Span[], span: Span, now: number): { left: number; width: number } {
  const first = Math.min(...all.map(startOf), now);
  const ends = all.map((each) => (each.until === null ? startOf(each) : endOf(each)));
  const last = Math.max(...ends, now);
  const length = Math.max(1, last - first);
  const left = ((startOf(span) - first) / length) * 100;
  const right = ((Math.min(endOf(span), last) - first) / length) * 100;
  return { left, width: Math.max(0, right - left) };
}
