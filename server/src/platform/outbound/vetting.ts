import { lookup as systemLookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { OutboundError } from './outbound-error.ts';
import { isPublicAddress, targetPolicy } from './target-policy.ts';

export interface VettingOptions {
  /** Networks and host names that may be private, and may be reached without TLS. */
  readonly allowList: readonly string[];
  /** All addresses of a name. */
  readonly resolve?: ((host: string) => Promise<readonly string[]>) | undefined;
}

/** Decides whether a host that a user gave may be spoken to, and at which address. */
export interface Vetting {
  /** Why this host can never be a target, or undefined. Looks at the text only; names are resolved when a connection is made. */
  fault(host: string, isEncrypted: boolean): string | undefined;
  /** Every address is checked, then the connection is made to one of these very addresses: a second answer of DNS has no say. */
  addressOf(host: string, isEncrypted: boolean): Promise<string>;
}

export function createVetting({ allowList, resolve = resolveAll }: VettingOptions): Vetting {
  const policy = targetPolicy(allowList);
  return {
    fault(host, isEncrypted) {
      const isAllowListed = policy.isHostAllowListed(host) || policy.isAddressAllowListed(host);
      if (isAllowListed) return undefined;
      if (isIP(host) !== 0 && !isPublicAddress(host)) return 'is not on the public internet and not allow-listed';
      // A name might still resolve to an allow-listed network, over which plain text is fine; that is decided with its addresses.
      if (!isEncrypted && isIP(host) !== 0) return 'is not https';
      return undefined;
    },

    async addressOf(host, isEncrypted) {
      const addresses = isIP(host) !== 0 ? [host] : await resolve(host);
      const [address] = addresses;
      if (address === undefined) throw new OutboundError('unreachable', 'the name of the target does not resolve');
      const isHostAllowListed = policy.isHostAllowListed(host);
      const areAllAllowListed = addresses.every((candidate) => policy.isAddressAllowListed(candidate));
      for (const candidate of addresses) {
        const isAllowed = isHostAllowListed || policy.isAddressAllowListed(candidate) || isPublicAddress(candidate);
        // Which address it was is not said: the answer would map the inside of the network.
        if (!isAllowed)
          throw new OutboundError('refused', 'the target is not on the public internet and not allow-listed');
      }
      if (!isEncrypted && !isHostAllowListed && !areAllAllowListed)
        throw new OutboundError('refused', 'the target is not https');
      return address;
    },
  };
}

async function resolveAll(host: string): Promise<readonly string[]> {
  const addresses = await systemLookup(host, { all: true, order: 'verbatim' });
  return addresses.map(({ address }) => address);
}
