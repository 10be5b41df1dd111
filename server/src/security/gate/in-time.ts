/** Revocation must have its effect within a second, so a look-up gets a little less. */
const WITHIN_MS = 800;

/** The answer, or an error where it takes too long to be of use. */
export function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the look-up took too long')), WITHIN_MS);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
