import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider, { type Configuration } from 'oidc-provider';

/** Somebody with an account at the provider. */
export interface ProviderAccount {
  readonly sub: string;
  readonly claims: Record<string, unknown>;
}

export interface OpenIdProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Who signs in next, and with what strength. */
  next: { account: ProviderAccount; acr?: string; amr?: string[]; authenticatedAt?: number; denies?: boolean };
  /** A person's way through the provider's pages: from our redirect to the address they are sent back to. */
  visit(authorizationUrl: string): Promise<URL>;
  /** Of the person's browser at the provider; emptied, they have to sign in there again. */
  readonly cookies: Map<string, string>;
  /** Brings a logout token to the platform, as a form; the status it answers. */
  deliverLogout: (form: string) => Promise<number>;
  /** The person signs out there, which tells us by back-channel logout. */
  signOut(): Promise<void>;
  close(): void;
}

/** A real OpenID provider on loopback, whose people click through everything at once. */
export async function anOpenIdProvider(redirectUri: string, backchannelLogoutUri: string): Promise<OpenIdProvider> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clientId = 'valtronics';
  const clientSecret = 'a-secret-of-the-client-of-the-provider';
  const accounts = new Map<string, ProviderAccount>();
  const cookies = new Map<string, string>();

  const configuration: Configuration = {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        redirect_uris: [redirectUri],
        response_types: ['code'],
        grant_types: ['authorization_code'],
        backchannel_logout_uri: backchannelLogoutUri,
        backchannel_logout_session_required: true,
      },
    ],
    claims: {
      openid: ['sub', 'amr', 'acr', 'auth_time'],
      email: ['email', 'email_verified'],
      profile: ['name'],
      groups: ['groups'],
    },
    scopes: ['openid', 'email', 'profile', 'groups'],
    ttl: { AccessToken: 60, Grant: 3_600, IdToken: 600, Interaction: 600, Session: 3_600 },
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        async logoutSource(ctx, form) {
          ctx.body = form;
        },
      },
    },
    cookies: { keys: ['a key for the cookies of the provider'] },
    findAccount: (_ctx, sub) => {
      const account = accounts.get(sub);
      return account && { accountId: sub, claims: () => ({ sub, ...account.claims }) };
    },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    async loadExistingGrant(ctx) {
      const { client, session } = ctx.oidc;
      if (!client || !session?.accountId) return undefined;
      const grant = new ctx.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope('openid email profile groups');
      await grant.save();
      return grant;
    },
    // The platform's certificate is of an authority of its own, so the test brings it there.
    fetch: async (_url, options) => new Response(null, { status: await result.deliverLogout(String(options?.body)) }),
  };
  const provider = new Provider(issuer, configuration);
  const handle = provider.callback();

  server.on('request', async (request, response) => {
    if (!request.url?.startsWith('/interaction/')) return handle(request, response);
    const { account, acr, amr, authenticatedAt, denies } = result.next;
    accounts.set(account.sub, account);
    await provider.interactionFinished(
      request,
      response,
      denies
        ? { error: 'access_denied', error_description: '<b onload="steal()">no</b>' }
        : {
            login: {
              accountId: account.sub,
              ...(acr === undefined ? {} : { acr }),
              ...(amr === undefined ? {} : { amr }),
              ...(authenticatedAt === undefined ? {} : { ts: authenticatedAt }),
            },
          },
      { mergeWithLastSubmission: false },
    );
  });

  async function go(url: string, init: RequestInit = {}): Promise<Response> {
    const answer = await fetch(url, {
      ...init,
      redirect: 'manual',
      headers: { ...init.headers, cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    return answer;
  }

  const result: OpenIdProvider = {
    issuer,
    clientId,
    clientSecret,
    next: { account: { sub: 'nobody', claims: {} } },
    cookies,
    deliverLogout: async () => 200,
    async visit(authorizationUrl) {
      let url = authorizationUrl;
      for (let hop = 0; hop < 10; hop += 1) {
        const answer = await go(url);
        const location = answer.headers.get('location');
        if (location === null) throw new Error(`the provider answered ${answer.status}: ${await answer.text()}`);
        url = new URL(location, issuer).href;
        if (url.startsWith(redirectUri)) return new URL(url);
      }
      throw new Error('the provider sends people in circles');
    },
    async signOut() {
      const page = await (await go(`${issuer}/session/end`)).text();
      const xsrf = /name="xsrf" value="([^"]+)"/.exec(page)?.[1] ?? '';
      const done = await go(`${issuer}/session/end/confirm`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ xsrf, logout: 'yes' }).toString(),
      });
      if (done.status >= 400) throw new Error(`signing out at the provider failed: ${await done.text()}`);
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return result;
}
