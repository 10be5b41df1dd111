import { isHarmlessJson } from '../server/src/security/inspection/harmless.ts';
import { inspectHead, inspectValue } from '../server/src/security/inspection/inspect-request.ts';
import { ordinaryRequests } from '../tests/support/ordinary-requests.ts';
import { atMost, type Outcome, percentile } from './support/outcome.ts';

const P50_MS = 0.1;
const P99_MS = 1;
const MEGABYTE_MS = 50;
const MB = 1_048_576;
/** Beside parsing the same body, which has to be done anyway. */
const LOOK_TO_PARSE = 1;

const WARM_UP = 4;
const ORDINARY = 10_000;
const POINTS = 500;
const TIMES = 7;
const ROUNDS = 15;

/** What the inspection costs: an ordinary request, a megabyte made to cost as much as can be, and the look that most telemetry gets by with. */
export async function inspection(): Promise<Outcome[]> {
  return [...ordinary(), hostile(), look()];
}

/** CPU time of this thread: for as long as that it does nothing else. What else the machine does is not counted. */
function cpuMs(work: () => unknown): number {
  const before = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1_000;
}

function ordinary(): Outcome[] {
  const requests = [...ordinaryRequests(ORDINARY)].map(({ url, headers, body }) => {
    const { pathname, searchParams } = new URL(url, 'https://fleet.example.org');
    return { head: { path: pathname, query: Object.fromEntries(searchParams), headers }, body };
  });
  const rounds: number[][] = [];
  // The first round is for the compiler: a server that was just started is not what is measured.
  for (let round = 0; round <= TIMES; round += 1) {
    const times = requests.map(({ head, body }) => {
      const began = performance.now();
      inspectHead(head);
      inspectValue(body, 'body');
      return performance.now() - began;
    });
    if (round > 0) rounds.push(times);
  }
  // Of each request its median: a round in which the machine did something else for two milliseconds says nothing about that request.
  const times = requests.map((_, index) =>
    percentile(
      rounds.map((of) => of[index] ?? 0),
      0.5,
    ),
  );
  const p50 = percentile(times, 0.5);
  const p99 = percentile(times, 0.99);
  const words = `head and body of ${times.length} ordinary requests, the median of ${TIMES} times each: p50 ${micro(p50)}, p99 ${micro(p99)}`;
  return [
    atMost('inspection.p50_to_target', p50 / P50_MS, 1, '×', `${words}; the target is ${micro(P50_MS)}`),
    atMost('inspection.p99_to_target', p99 / P99_MS, 1, '×', `${words}; the target is ${micro(P99_MS)}`),
  ];
}

const micro = (ms: number): string => `${(ms * 1_000).toFixed(0)} µs`;
const full = (unit: string): string => unit.repeat(Math.ceil(MB / unit.length)).slice(0, MB);

/** The kinds that cost most of all that were tried, each of a megabyte. */
const hostileBodies: Readonly<Record<string, unknown>> = {
  'small members': Object.fromEntries(Array.from({ length: 60_000 }, (_, index) => [`k${index}`, `a'b ${index}`])),
  'small attacks': Array.from({ length: 60_000 }, (_, index) => `union or ( ${index}`),
  '%25': full('%25'),
  'URL in URL': full('%25%32%35'),
  entities: full('&#x26;'),
  'escapes and text': full('%25ab'),
  'an escape in each of many': Array.from({ length: 16 }, () => `%41${'. '.repeat(32_000)}`),
  'an escape in each of very many': Array.from({ length: 1_000 }, (_, index) => `%2541${'. '.repeat(500)}${index}`),
  'entities and text': full('&#x26;abcdef'),
  base64: Buffer.from(full('select a from b where c ')).toString('base64').slice(0, MB),
  'words in base64': full('c2VsZWN0IGZyb20gd2hlcmUg'),
  'full stops': full('. '),
  quotes: full(`')`),
  tags: full('< script < img '),
  functions: full('concat(char('),
  comments: full('--\n#\n'),
};

function hostile(): Outcome {
  const medians = Object.entries(hostileBodies).map(([name, made]) => {
    // As it comes: texts that were put together here are kept in pieces, and slower to read.
    const body: unknown = JSON.parse(JSON.stringify(made));
    const inspect = (): number => cpuMs(() => inspectValue(body, 'body'));
    for (let times = 0; times < WARM_UP; times += 1) inspect();
    return { name, ms: percentile(Array.from({ length: TIMES }, inspect), 0.5) };
  });
  const costs = medians.toSorted((one, other) => other.ms - one.ms);
  const worst = costs[0]?.ms ?? Number.NaN;
  const listed = costs.map(({ name, ms }) => `${name} ${ms.toFixed(0)} ms`).join(', ');
  const words = `CPU of a hostile megabyte, the dearest of ${costs.length} kinds: ${listed}; the target is ${MEGABYTE_MS} ms`;
  return atMost('inspection.hostile_megabyte_to_target', worst / MEGABYTE_MS, 1, '×', words);
}

function look(): Outcome {
  const points = Array.from({ length: POINTS }, (_, index) => ({
    metric: `metric_${index % 20}`,
    value: 20 + (index % 97) / 7,
    unit: '°C',
    timestamp: new Date(1_800_000_000_000 + index * 250).toISOString(),
  }));
  const bytes = Buffer.from(JSON.stringify({ points }));
  if (!isHarmlessJson(bytes)) throw new Error('what devices send would be read in full');
  const many = (work: () => unknown) => (): void => {
    for (let times = 0; times < 200; times += 1) work();
  };
  const ratios: number[] = [];
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const own = cpuMs(many(() => isHarmlessJson(bytes)));
    const other = cpuMs(many(() => JSON.parse(bytes.toString('utf8'))));
    if (round === 0) continue;
    ours.push(own / 200);
    theirs.push(other / 200);
    ratios.push(own / other);
  }
  const words = `the look at ${POINTS} points (${bytes.length} bytes) ${micro(percentile(ours, 0.5))}, JSON.parse of them ${micro(percentile(theirs, 0.5))}`;
  return atMost('inspection.look_to_json_parse', percentile(ratios, 0.5), LOOK_TO_PARSE, '×', words);
}
