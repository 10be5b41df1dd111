import { type Secret, secret } from './secret.ts';

/** So old the value may be that is given out; and so seldom its file is read. */
const LOOK_AGAIN_MS = 1_000;

/**
 * A secret whose file may be replaced while the server runs: whoever reveals it a second later gets the new one. Of a URL only the credentials
 * may change, since where a server keeps what it shares with others is no secret and takes a restart. A file that is gone, not readable or no
 * value of its setting leaves the one before in force: half of a rotation must not take down what works, and `valtronics secrets check` says what
 * is wrong with it.
 */
export function secretFromFile(
  first: Secret,
  readAgain: () => Secret,
  nowMs: () => number = () => performance.now(),
): Secret {
  let current = first;
  let lookedAt = nowMs();

  function look(): void {
    if (nowMs() - lookedAt < LOOK_AGAIN_MS) return;
    lookedAt = nowMs();
    try {
      const found = readAgain();
      if (placeOf(found) === placeOf(current)) current = found;
    } catch {
      // Kept, as said above.
    }
  }

  return secret(() => {
    look();
    return current.reveal();
  });
}

/** Of a URL everything but the credentials; of anything else nothing. */
function placeOf(value: Secret): string {
  const text = value.reveal();
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text) || !URL.canParse(text)) return '';
  const url = new URL(text);
  url.username = '';
  url.password = '';
  return url.href;
}
