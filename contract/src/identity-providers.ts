import { z } from 'zod';
import { id, idParams, name, page, timestamp } from './common.ts';
import { endpoint } from './endpoint.ts';
import { field } from './fields.ts';
import { role } from './identity.ts';
import { needs, open, records, reported, signedIn, unaudited, unseen } from './policy.ts';

const slug = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/, '1–40 of a–z 0–9 -, and no - at an end')
  .describe('names the provider in addresses');
const visibleText = (maximum: number) =>
  z
    .string()
    .regex(/^[\x21-\x7E]+$/, 'visible ASCII')
    .max(maximum);
const emailDomain = z
  .string()
  .max(253)
  .toLowerCase()
  .regex(/^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/, 'a domain such as example.org');

const roleOfGroup = z.strictObject({ group: z.string().min(1).max(200), role });
export type RoleOfGroup = z.infer<typeof roleOfGroup>;

/** What an administrator decides about a provider and may change later. */
const policyFields = {
  name,
  clientId: visibleText(200),
  groupsScope: visibleText(100).nullable().describe('asked for beside openid, email and profile'),
  groupsClaim: z
    .string()
    .min(1)
    .max(100)
    .nullable()
    .describe('where the groups of a person stand; null: none are read'),
  roleMapping: field(
    'identity_providers.role_mapping',
    z.array(roleOfGroup).max(100).describe('in order; the first group a person is in counts'),
  ),
  defaultRole: role.nullable().describe('where no group fits; null: the person is refused'),
  managesRole: z.boolean().describe('also decides the role of accounts it did not create'),
  jitEnabled: z.boolean().describe('makes accounts for people it vouches for'),
  emailDomains: z.array(emailDomain).max(50).describe('accounts are made for addresses of these domains only'),
  trustsSecondFactor: z.boolean().describe('an accepted acr or amr value satisfies our second factor'),
  acceptedAcr: z.array(visibleText(200)).max(20),
  acceptedAmr: z.array(visibleText(200)).max(20),
  maxAuthAgeSeconds: z
    .int()
    .min(300)
    .max(604_800)
    .nullable()
    .describe('a session ends this long after the person proved who they are to the provider'),
  enabled: z.boolean(),
  listed: z.boolean().describe('shown on the sign-in page'),
};

export const identityProvider = z.strictObject({
  id,
  slug: z.string(),
  issuer: z.string(),
  ...policyFields,
  callbackUrl: z.string().describe('to register with the provider as redirect URI'),
  backchannelLogoutUrl: z.string().describe('to register with the provider for back-channel logout'),
  createdAt: timestamp,
});
export type IdentityProvider = z.infer<typeof identityProvider>;

const clientSecret = visibleText(500);
const unseenClientSecret = unseen(
  'body.clientSecret',
  'the provider chose it and it may hold anything; it is encrypted and sent to that provider only',
);
const issuer = z.url({ protocol: /^https?$/ }).max(500);

export const identityProvidersList = endpoint({
  method: 'GET',
  path: '/identity-providers',
  summary: 'OpenID providers people of the organisation may sign in with',
  response: page(identityProvider),
  access: needs('user:manage'),
  rate: 'api',
  audit: unaudited('read by those who configure it; no secret is in the answer'),
});

export const identityProviderGet = endpoint({
  method: 'GET',
  path: '/identity-providers/{id}',
  summary: 'One OpenID provider',
  params: idParams,
  response: identityProvider,
  access: needs('user:manage'),
  rate: 'api',
  audit: unaudited('read by those who configure it; no secret is in the answer'),
});

export const identityProviderCreate = endpoint({
  method: 'POST',
  path: '/identity-providers',
  summary: 'Trust an OpenID provider; off until it is enabled',
  body: z.strictObject({
    ...z.strictObject(policyFields).partial().shape,
    name,
    clientId: policyFields.clientId,
    slug,
    issuer,
    clientSecret,
  }),
  response: identityProvider,
  status: 201,
  inspection: [unseenClientSecret],
  access: needs('user:manage', { stepUp: true }),
  rate: 'api',
  audit: records('identity_provider.created'),
});

export const identityProviderChange = endpoint({
  method: 'PATCH',
  path: '/identity-providers/{id}',
  summary: 'Change an OpenID provider, but not its issuer and slug; trusting it less ends the sessions that rest on it',
  params: idParams,
  body: z.strictObject({ ...policyFields, clientSecret }).partial(),
  response: identityProvider,
  inspection: [unseenClientSecret],
  access: needs('user:manage', { stepUp: true }),
  rate: 'api',
  audit: records('identity_provider.changed'),
});

export const identityProviderDelete = endpoint({
  method: 'DELETE',
  path: '/identity-providers/{id}',
  summary: 'No longer trust an OpenID provider: unlinks everybody from it and ends the sessions that rest on it',
  params: idParams,
  response: 'empty',
  status: 204,
  access: needs('user:manage', { stepUp: true }),
  rate: 'api',
  audit: records('identity_provider.deleted'),
});

export const identityProviderTest = endpoint({
  method: 'POST',
  path: '/identity-providers/{id}/test',
  summary: 'Ask the provider what it is and can do',
  params: idParams,
  response: z.strictObject({
    authorizationEndpoint: z.string(),
    tokenEndpoint: z.string(),
    userinfoEndpoint: z.string().nullable(),
    signingAlgorithms: z.array(z.string()).describe('those we accept'),
    keys: z.int().describe('how many public keys it publishes'),
    namesItselfInAnswers: z.boolean().describe('RFC 9207, against mix-up'),
    scopesNotSupported: z.array(z.string()).describe('of those we ask for'),
  }),
  access: needs('user:manage', { stepUp: true }),
  rate: 'api',
  audit: records('identity_provider.tested'),
});

export const offeredProvidersList = endpoint({
  method: 'GET',
  path: '/auth/providers',
  summary: 'Providers the sign-in page offers',
  response: page(z.strictObject({ slug: z.string(), name: z.string() })),
  access: open('the sign-in page shows their names to everybody; an administrator can leave one out'),
  rate: 'api',
  audit: unaudited('public names'),
});

const providerParams = z.strictObject({ provider: slug });

/** Why a sign-in with a provider came to nothing, as `?problem=` of the page a person is sent to. Add, never rename. */
export const signInProblems = {
  provider_unknown: 'This way to sign in is not offered.',
  sign_in_expired: 'This took too long, was used already, or began in another browser. Please start again.',
  denied_by_provider: 'The provider did not let you sign in.',
  provider_unavailable: 'The provider cannot be reached right now.',
  provider_answer_refused: 'The provider’s answer cannot be trusted. Please tell your administrator.',
  no_account: 'You have no account here. Ask your administrator for an invitation.',
  email_unverified: 'The provider has not verified your email address, so no account was made.',
  email_taken:
    'Your email address already has an account. Sign in to it as usual and link the provider in your account settings.',
  no_role: 'None of your groups gives access here. Ask your administrator.',
  account_disabled: 'Your account is not active. Ask your administrator.',
  account_blocked: 'Your account is blocked. Ask your administrator.',
  identity_taken: 'This identity is linked to another account already.',
} as const satisfies Record<string, string>;
export type SignInProblem = keyof typeof signInProblems;

export const oidcStart = endpoint({
  method: 'GET',
  path: '/auth/oidc/{provider}/start',
  summary: 'Leave for a provider to sign in; for links of our own pages',
  params: providerParams,
  query: z.strictObject({
    next: z.string().max(500).optional().describe('path of this site to go to afterwards'),
    fresh: z.literal('true').optional().describe('the provider must ask the person again, which satisfies step-up'),
  }),
  response: 'redirect',
  access: open('this is where a person begins to prove who they are'),
  rate: 'login',
  audit: unaudited('nothing has happened yet; what becomes of it is recorded'),
});

/** A parameter that is not what it should be counts as absent: a person is told so on a page instead of in JSON. */
const answerParameter = (maximum: number) => z.string().max(maximum).optional().catch(undefined);

export const oidcCallback = endpoint({
  method: 'GET',
  path: '/auth/oidc/{provider}/callback',
  summary: 'Where a provider sends people back to',
  params: providerParams,
  query: z.object({
    state: answerParameter(100),
    code: answerParameter(4_096),
    iss: answerParameter(500),
    error: answerParameter(100),
  }),
  response: 'redirect',
  inspection: [
    unseen('query.code', 'the provider makes it as it likes, and it is sent back to that provider only'),
    unseen(
      'query.iss',
      'a provider of your own may be at a private address; it is compared with the one that was set up',
    ),
    reported('query.error', 'the words of the provider, which are neither kept nor shown'),
    reported('query.error_description', 'the words of the provider, which are neither kept nor shown'),
    reported('query.error_uri', 'the words of the provider, which are neither kept nor shown'),
  ],
  access: open('this is where a person proves who they are'),
  rate: 'login',
  audit: records('session.created'),
});

export const oidcBackchannelLogout = endpoint({
  method: 'POST',
  path: '/auth/oidc/{provider}/backchannel-logout',
  summary: 'A provider says that somebody signed out there (OpenID Connect Back-Channel Logout 1.0)',
  params: providerParams,
  form: true,
  bodyLimit: 32_768,
  body: z.object({ logout_token: z.string().max(16_384) }),
  response: 'empty',
  status: 200,
  access: open('the logout token in the body is the credential'),
  rate: 'api',
  audit: records('session.revoked'),
});

export const linkedIdentity = z.strictObject({
  id,
  provider: z.strictObject({ slug: z.string(), name: z.string(), enabled: z.boolean() }),
  createdAt: timestamp,
  lastUsedAt: timestamp.nullable(),
});
export type LinkedIdentity = z.infer<typeof linkedIdentity>;

export const linkedIdentitiesList = endpoint({
  method: 'GET',
  path: '/auth/identities',
  summary: 'Providers linked to my account',
  response: page(linkedIdentity),
  // What is due may need a fresh proof, which for some accounts only a provider can give.
  access: signedIn({ evenPending: true }),
  rate: 'api',
  audit: unaudited('a person reads their own links'),
});

export const identityLink = endpoint({
  method: 'POST',
  path: '/auth/identities/{provider}/link',
  summary: 'Begin to link a provider to my account: open the address that is returned',
  params: providerParams,
  response: z.strictObject({ authorizationUrl: z.string() }),
  access: signedIn({ stepUp: true }),
  rate: 'login',
  audit: records('identity.link_begun'),
});

export const identityUnlink = endpoint({
  method: 'DELETE',
  path: '/auth/identities/{id}',
  summary: 'Unlink a provider from my account; never the last way in',
  params: idParams,
  response: 'empty',
  status: 204,
  access: signedIn({ stepUp: true }),
  rate: 'api',
  audit: records('identity.unlinked'),
});
