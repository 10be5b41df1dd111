import { threadId } from 'node:worker_threads';
import { answerWith } from '../../server/src/lib/thread-answers.ts';

/** Answers with itself and what it was asked, fails, or ends in the middle of it. */
answerWith((question: string) => {
  if (question === 'fail') throw new RangeError('asked to fail');
  if (question === 'end') process.exit(3);
  return { thread: threadId, question };
});
