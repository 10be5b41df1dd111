import { newId } from '../../server/src/lib/ids.ts';
import { type Answer, freshAddress, type Person, type TestApp } from './app.ts';

/** What a browser holds between leaving for a provider and coming back. */
export interface Left {
  readonly url: URL;
  readonly state: string;
  readonly nonce: string;
  readonly cookie: string;
}

export interface ProviderSettings {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

/** Our side of signing in with a provider, as a browser and an administrator do it. */
export function providerSignIn(app: TestApp) {
  const path = (slug: string, what: string) => `/api/v1/auth/oidc/${slug}/${what}`;

  function left(answer: Answer, location: string): Left {
    const url = new URL(location);
    const cookie = cookieOf(answer, '__Host-valtronics-departure');
    if (cookie === undefined) throw new Error('no departure cookie');
    return {
      url,
      state: url.searchParams.get('state') ?? '',
      nonce: url.searchParams.get('nonce') ?? '',
      cookie,
    };
  }

  return {
    path,
    async aProvider(admin: Person, provider: ProviderSettings, changes: Record<string, unknown> = {}) {
      const answer = await app.call('POST', '/api/v1/identity-providers', {
        token: admin.accessToken,
        body: {
          slug: `idp-${newId().slice(-12)}`,
          name: 'The provider',
          issuer: provider.issuer,
          clientId: provider.clientId,
          clientSecret: provider.clientSecret,
          jitEnabled: true,
          emailDomains: ['example.org'],
          defaultRole: 'user',
          enabled: true,
          ...changes,
        },
      });
      if (answer.status !== 201) throw new Error(`no provider: ${answer.text}`);
      return answer.json as { id: string; slug: string; callbackUrl: string; backchannelLogoutUrl: string };
    },
    change: (admin: Person, id: string, body: Record<string, unknown>) =>
      app.call('PATCH', `/api/v1/identity-providers/${id}`, { token: admin.accessToken, body }),

    start: (slug: string, query = '', headers: Record<string, string> = { 'sec-fetch-site': 'same-origin' }) =>
      app.call('GET', path(slug, `start${query}`), { headers, from: freshAddress() }),
    async leave(slug: string, query = ''): Promise<Left> {
      const answer = await this.start(slug, query);
      return left(answer, String(answer.headers['location']));
    },
    async leaveToLink(slug: string, token: string): Promise<Left> {
      const answer = await app.call('POST', `/api/v1/auth/identities/${slug}/link`, { token, from: freshAddress() });
      if (answer.status !== 200) throw new Error(`no link: ${answer.text}`);
      return left(answer, answer.json.authorizationUrl);
    },
    /** Comes back with these parameters. */
    comeBack: (slug: string, query: URLSearchParams | Record<string, string>, cookie?: string) =>
      app.call('GET', path(slug, `callback?${new URLSearchParams(query)}`), {
        from: freshAddress(),
        ...(cookie === undefined ? {} : { cookie }),
      }),
    me: (answer: Answer) =>
      app.call('GET', '/api/v1/auth/me', { cookie: sessionOf(answer) ?? '', from: freshAddress() }),
  };
}

export function cookieOf(answer: Answer, name: string): string | undefined {
  const lines = [answer.headers['set-cookie'] ?? []].flat();
  const line = lines.find((one) => one.startsWith(`${name}=`) && !one.startsWith(`${name}=;`));
  return line?.split(';')[0];
}
export const sessionOf = (answer: Answer): string | undefined => cookieOf(answer, '__Host-valtronics');
/** The code a refused person is shown, or undefined. */
export const problemOf = (answer: Answer): string | undefined =>
  /\?problem=(\w+)$/.exec(String(answer.headers['location']))?.[1];
