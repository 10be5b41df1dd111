/** Whether an address is this one, or lies within this network. Both are well written; null is nobody's and lies nowhere. */
export function isWithin(address: string | null, network: string): boolean {
  const [base = '', prefix] = network.split('/');
  if (address === null || address.includes(':') !== base.includes(':')) return false;
  const [bits, wanted] = [bitsOf(address), bitsOf(base)];
  return bits.startsWith(wanted.slice(0, prefix === undefined ? wanted.length : Number(prefix)));
}

/** Its bits, as a text of noughts and ones. */
function bitsOf(address: string): string {
  if (!address.includes(':'))
    return address
      .split('.')
      .map((part) => binary(Number(part), 8))
      .join('');
  // As browsers write it: in hexadecimal throughout.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::', 2);
  const [left, right] = [groupsOf(head), groupsOf(tail ?? '')];
  const between = new Array<string>(8 - left.length - right.length).fill('0');
  return [...left, ...between, ...right].map((group) => binary(Number.parseInt(group, 16), 16)).join('');
}

const groupsOf = (text: string): string[] => (text === '' ? [] : text.split(':'));
const binary = (value: number, length: number): string => value.toString(2).padStart(length, '0');
