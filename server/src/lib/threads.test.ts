import { availableParallelism } from 'node:os';
import { afterEach, expect, it } from 'vitest';
import { createThreads, type Threads } from './threads.ts';

type Answer = { thread: number; question: string };

const worker = new URL('../../../tests/support/thread-of-tests.ts', import.meta.url);
let threads: Threads<string, Answer>;
const start = (most: number) => {
  threads = createThreads(worker, { name: 'tests', most });
  return threads.ask;
};
afterEach(() => threads.end());

it('every question has its own answer, from as many threads as there are processors', async () => {
  const ask = start(8);
  const questions = Array.from({ length: 40 }, (_, index) => `question ${index}`);
  const answers = await Promise.all(questions.map((question) => ask(question)));
  expect(answers.map(({ question }) => question)).toEqual(questions);
  expect(new Set(answers.map(({ thread }) => thread)).size).toBe(Math.min(8, availableParallelism()));
});

it('a question that fails is of no consequence for those before and after it', async () => {
  const ask = start(1);
  const [before, failed, after] = await Promise.allSettled([ask('a'), ask('fail'), ask('b')]);
  expect(failed).toMatchObject({ status: 'rejected', reason: { name: 'RangeError', message: 'asked to fail' } });
  expect([before, after]).toMatchObject([{ value: { question: 'a' } }, { value: { question: 'b' } }]);
});

it('a thread that ends fails what it was asked, and another takes its place for what is asked then', async () => {
  const ask = start(1);
  const { thread } = await ask('a');
  const asked = await Promise.allSettled([ask('end'), ask('b')]);
  for (const answer of asked)
    expect(answer).toMatchObject({ status: 'rejected', reason: { message: 'a thread of the tests ended' } });
  const next = await ask('c');
  expect(next.question).toBe('c');
  expect(next.thread).not.toBe(thread);
});

it('what is transferred is no longer whose it was', async () => {
  const ask = start(1);
  const bytes = new ArrayBuffer(8);
  await ask('a', [bytes]);
  expect(bytes.byteLength).toBe(0);
});
