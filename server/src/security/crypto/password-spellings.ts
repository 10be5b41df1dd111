// One password in the spellings in which guessing programs try it.

/** Its letters and digits, in small letters: what is left of `P-a-s-s-w-o-r-d!`. */
export function plain(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}]/gu, '');
}

const LEET: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '@': 'a',
  $: 's',
  '!': 'i',
};

/** `P4$$w0rd` is guessed as early as `password`. */
function withoutLeet(text: string): string {
  return plain(text.replaceAll(/[013457@$!]/g, (character) => LEET[character] ?? character));
}

/** As it is, and with the letters its digits and signs stand for. */
export function likenessesOf(password: string): readonly string[] {
  return [plain(password), withoutLeet(password)];
}
