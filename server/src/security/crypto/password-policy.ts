/**
 * What a password must be (NIST SP 800-63B-4, 3.1.1.2): long, not one that everybody tries first, not made of the account's own words.
 * No composition rules and no expiry: they make passwords worse.
 */
const SHORTEST = 15;
const LONGEST = 128;

/** Words that open lists of guesses; a password made of these and filler is the first thing an attacker tries. */
const guessedFirst = [
  'password',
  'passwort',
  'motdepasse',
  'contrasena',
  'qwertyuiop',
  'qwertzuiop',
  'azertyuiop',
  'asdfghjkl',
  'zxcvbnm',
  'qwerty',
  'qwertz',
  'azerty',
  '1q2w3e4r5t',
  '1qaz2wsx',
  'letmein',
  'welcome',
  'administrator',
  'admin',
  'iloveyou',
  'monkey',
  'dragon',
  'sunshine',
  'princess',
  'football',
  'baseball',
  'superman',
  'batman',
  'trustno1',
  'changeme',
  'secret',
  'default',
  'master',
  'login',
  'abc',
  'hello',
  'valtronics',
  'telemetry',
  'hospital',
  'correcthorsebatterystaple',
] as const;
/** Fewer other characters than this beside a guessed word are only decoration. */
const OWN_PART = 8;

/** Why the password may not be used, as words for a form; undefined when it may. */
export function passwordFault(
  password: string,
  account: { readonly email: string; readonly name: string | null },
): string | undefined {
  const characters = [...password.normalize('NFC')];
  if (characters.length < SHORTEST) return `at least ${SHORTEST} characters; a few words in a row are easy to remember`;
  if (characters.length > LONGEST) return `at most ${LONGEST} characters`;
  if (new Set(characters).size < 5) return 'more different characters';
  const plain = password.normalize('NFKC').toLowerCase();
  if (isSequence(plain)) return 'not a row of neighbouring characters';
  let rest = plain;
  for (const word of guessedFirst) rest = rest.replaceAll(word, '');
  if (rest !== plain && rest.replaceAll(/[\d\W_]/g, '').length < OWN_PART)
    return 'not built on a word that everybody tries first';
  for (const word of ownWords(account)) rest = rest.replaceAll(word, '');
  if (rest.replaceAll(/[\d\W_]/g, '').length < OWN_PART && ownWords(account).some((word) => plain.includes(word)))
    return 'not built on your own name or address';
  return undefined;
}

function ownWords({ email, name }: { readonly email: string; readonly name: string | null }): string[] {
  return `${email} ${name ?? ''}`
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word.length >= 4);
}

/** `abcdefgh…` or `12345678…`, up or down, for most of its length. */
function isSequence(text: string): boolean {
  let steps = 0;
  for (let index = 1; index < text.length; index += 1) {
    const distance = text.charCodeAt(index) - text.charCodeAt(index - 1);
    if (Math.abs(distance) <= 1) steps += 1;
  }
  return steps > text.length * 0.7;
}
