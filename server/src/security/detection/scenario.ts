import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { auditEvents, incidentSeverities, securityActions } from '@valtronics/contract';
import { z } from 'zod';

// What is looked for, as data: one file each, read once at the start. A file that does not fit stops the server, since a scenario that
// silently never fires is worse than none.

const knownActions: ReadonlySet<string> = new Set([...Object.keys(auditEvents), ...Object.keys(securityActions)]);
const action = z.string().refine((name) => knownActions.has(name), 'no event has this name');

/** A field of an event: one of its own, or one of its details. */
const field = z
  .string()
  .regex(
    /^(address|network|user|device|organisation|instance|account|method|route|status|reason|details\.[A-Za-z]{1,40})$/,
  );
const scalar = z.union([z.string().max(200), z.number(), z.boolean()]);
const condition = z.union([scalar, z.array(scalar).min(1).max(50), z.strictObject({ exists: z.boolean() })]);
const match = z.strictObject({
  actions: z.array(action).min(1).max(50),
  outcome: z.enum(['success', 'failure', 'unknown']).optional(),
  transports: z
    .array(z.enum(['http', 'mqtt', 'websocket', 'cli', 'system']))
    .min(1)
    .optional(),
  where: z.record(field, condition).optional(),
});
export type Match = z.infer<typeof match>;

const seconds = z.int().min(1).max(86_400);
const many = z.int().min(2).max(100_000);

const rule = z.discriminatedUnion('type', [
  /** Each one. */
  z.strictObject({ type: z.literal('trigger'), match }),
  /** `count` of them within `seconds`, wherever these begin. */
  z.strictObject({ type: z.literal('window'), match, count: many, seconds }),
  /** What flows in (events, or the number in `amount`) above what drains away: more than `capacity` at once. */
  z.strictObject({
    type: z.literal('bucket'),
    match,
    capacity: z.number().positive(),
    drainsIn: seconds.describe('seconds in which a full bucket is empty again'),
    amount: field.optional(),
  }),
  /** Different values: so many of each field within `seconds`. */
  z.strictObject({
    type: z.literal('distinct'),
    match,
    of: z.record(field, z.int().min(2).max(1_000)),
    seconds,
  }),
  /** One after the other, all within `seconds`; each step has its own field by which it belongs to the same subject. */
  z.strictObject({
    type: z.literal('sequence'),
    steps: z
      .array(z.strictObject({ match, by: field }))
      .min(2)
      .max(10),
    seconds,
  }),
]);

/** An event of a test: seconds from its beginning, so often, and what differs from an empty event. `{n}` counts up. */
const testEvent = z.strictObject({
  at: z.number().min(0),
  times: z.int().min(1).max(1_000).optional(),
  every: z.number().min(0).optional(),
  event: z.record(z.string(), z.unknown()),
});
const testCase = z.strictObject({ name: z.string().min(5), events: z.array(testEvent).min(1) });

const scenario = z
  .strictObject({
    id: z.string().regex(/^[a-z0-9-]{3,60}$/),
    name: z.string().min(3).max(100),
    description: z.string().min(20).max(600),
    technique: z
      .string()
      .regex(/^T\d{4}(\.\d{3})?$/)
      .nullable(),
    severity: z.enum(incidentSeverities),
    rule,
    /** Whose events are counted together; a sequence says it in its steps. */
    groupBy: z.array(field).min(1).max(3).optional(),
    subject: z.enum(['ip', 'user', 'device', 'organisation', 'instance']),
    /** Events of the same address that came before and belong to it as evidence. */
    evidence: z.strictObject({ actions: z.array(action).min(1), seconds }).optional(),
    /** After it was raised nothing is raised of the same subject for so long. */
    cooldownSeconds: seconds,
    response: z.strictObject({ decision: z.enum(['none', 'block', 'ban']), opensIncident: z.boolean() }),
    tests: z.strictObject({ positive: z.array(testCase).min(1), negative: z.array(testCase).min(1) }),
  })
  .refine(
    ({ rule, cooldownSeconds }) => cooldownSeconds >= memoryOf(rule),
    'a scenario is silent at least as long as it remembers',
  )
  .refine(
    ({ rule, groupBy }) => (rule.type === 'sequence') !== (groupBy !== undefined),
    'all but a sequence have groupBy',
  );
export type Scenario = z.infer<typeof scenario>;
export type Rule = z.infer<typeof rule>;

export const scenarioFolder = join(import.meta.dirname, 'scenarios');

/** All of the folder, in the order of their names. */
export function loadScenarios(folder = scenarioFolder): readonly Scenario[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => {
      const read = scenario.safeParse(JSON.parse(readFileSync(join(folder, name), 'utf8')));
      if (!read.success) throw new Error(`the scenario ${name} is not valid: ${z.prettifyError(read.error)}`);
      if (`${read.data.id}.json` !== name)
        throw new Error(`the scenario ${read.data.id} must be in ${read.data.id}.json`);
      return read.data;
    });
}

/** How far back a scenario looks at most, so how much is read again after a start. */
export function longestMemory(scenarios: readonly Scenario[]): number {
  return Math.max(...scenarios.map((each) => Math.max(memoryOf(each.rule), each.cooldownSeconds))) * 1_000;
}

const memoryOf = (of: Rule): number => {
  if (of.type === 'trigger') return 0;
  return of.type === 'bucket' ? of.drainsIn : of.seconds;
};
