import { parentPort } from 'node:worker_threads';

/** What was found out, or why it could not be: of this question, which says nothing of the next one. */
export type Answered<Answer> = { readonly answer: Answer } | { readonly error: unknown };

/** In a thread of `threads.ts`: answers in the order it is asked. */
export function answerWith<Question, Answer>(find: (question: Question) => Answer): void {
  function answered(question: Question): Answered<Answer> {
    try {
      return { answer: find(question) };
    } catch (error) {
      return { error };
    }
  }
  parentPort?.on('message', (question: Question) => parentPort?.postMessage(answered(question)));
}

/** The same bytes, which lost being a Buffer where they crossed from thread to thread. */
export const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);
