import { type AddressList, addressList } from '../../platform/config/addresses.ts';
import type { Notices } from '../../platform/db/notices.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { listAllowed } from './allow-list.repository.ts';
import { type Network, networkOf, overlap } from './networks.ts';

/** Who is never blocked, whatever the rows of blocks say: trusted proxies (everybody comes from there), a setting, and a list. */
export interface AllowList {
  contains(address: string): boolean;
  /** What is exempt in the network, or around it, as it stands in the list. */
  exemptIn(network: Network): string | undefined;
  /** After a change is committed: here at once, on the other servers within a second. */
  changed(): Promise<void>;
  /** Reads it again; keeps what it has when that fails. */
  reload(): Promise<void>;
  onChanged(listener: () => void): void;
}

export const MOST_ALLOWED = 1_000;
const TOPIC = 'allow-list';
const RETRY_MS = 1_000;

/** A list that cannot be read is the list as it was: what is exempt stays so, and a new entry waits for the database like its block. */
export async function openAllowList(deps: {
  transactions: Pick<Transactions, 'readAcross'>;
  notices: Notices;
  settings: readonly AddressList[];
  log: Logger;
}): Promise<AllowList> {
  const { transactions, notices, settings, log } = deps;
  const fixed = networksOf(settings.flatMap(({ cidrs }) => cidrs));
  const listeners: (() => void)[] = [];
  let managed = addressList([]);
  let networks = fixed;
  let [begun, applied] = [0, 0];

  async function load(): Promise<void> {
    begun += 1;
    const mine = begun;
    const rows = await transactions.readAcross((reader) => listAllowed(reader, MOST_ALLOWED));
    // Of two at once the later one knows more.
    if (mine < applied) return;
    applied = mine;
    managed = addressList(rows.map(({ network }) => network));
    networks = [...fixed, ...networksOf(managed.cidrs)];
    for (const listener of listeners) listener();
  }
  async function loadAgain(): Promise<void> {
    try {
      await load();
    } catch (error) {
      log.warn({ err: error }, 'the allow-list could not be read');
      setTimeout(loadAgain, RETRY_MS).unref();
    }
  }

  notices.onNotice(TOPIC, () => void loadAgain());
  notices.onGap(() => void loadAgain());
  await load();

  return {
    contains: (address) => settings.some((list) => list.contains(address)) || managed.contains(address),
    exemptIn: (network) => networks.find((one) => overlap(one.network, network))?.text,
    async changed() {
      await loadAgain();
      try {
        await notices.publish(TOPIC, {});
      } catch (error) {
        log.warn({ err: error }, 'a change of the allow-list could not be told to the other servers');
      }
    },
    reload: loadAgain,
    onChanged: (listener) => {
      listeners.push(listener);
    },
  };
}

const networksOf = (texts: readonly string[]): { text: string; network: Network }[] =>
  texts.flatMap((text) => {
    const network = networkOf(text);
    return network ? [{ text, network }] : [];
  });
