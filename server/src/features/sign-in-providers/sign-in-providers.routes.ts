import * as contract from '@valtronics/contract';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { createArrivalService } from './arrival.service.ts';
import type { BackchannelLogout } from './backchannel-logout.service.ts';
import { refusalOf } from './code-exchange.ts';
import type { DepartureService } from './departure.service.ts';
import { listOfferedProviders } from './provider.repository.ts';
import { SignInRefusal } from './provider.ts';

/** Signing in with a provider, as a browser does it. */
export function addSignInRoutes(parts: {
  gate: EndpointGate;
  transactions: Transactions;
  departures: DepartureService;
  arrivals: ReturnType<typeof createArrivalService>;
  backchannelLogout: BackchannelLogout;
}): void {
  const { gate, transactions, departures, arrivals, backchannelLogout } = parts;

  gate.handle(contract.offeredProvidersList, async () => ({
    items: await transactions.read(null, listOfferedProviders),
    nextCursor: null,
  }));

  gate.handle(contract.oidcStart, async (call) => {
    // A session comes of a person's own act (ASVS 7.6.2): a link of our page, or an address they opened themselves. A page of somebody
    // else that sends the browser here, where a provider might answer without asking, ends at our button.
    if (call.fetchSite !== 'same-origin' && call.fetchSite !== 'none') return '/sign-in';
    try {
      const provider = await departures.providerOf(call.params.provider);
      const wish = { next: call.query.next, fresh: call.query.fresh !== undefined, link: null };
      const { url, browserToken } = await departures.leave(provider, wish);
      call.setDepartureCookie(browserToken);
      return url;
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal instanceof SignInRefusal) return (await arrivals.refusedDeparture(refusal, call)).location;
      throw refusal;
    }
  });

  gate.handle(contract.oidcCallback, async (call) => {
    const shown = { ...call.query, browserToken: call.departureCookie };
    const { location, isBack, sessionToken } = await arrivals.arrive(call.writeAs, call.params.provider, shown, call);
    if (isBack) call.setDepartureCookie(null);
    if (sessionToken !== null) call.setSessionCookie(sessionToken);
    return location;
  });

  gate.handle(contract.oidcBackchannelLogout, async (call) => {
    await backchannelLogout(call.writeAs, call.params.provider, call.body.logout_token, call);
    return undefined;
  });
}
