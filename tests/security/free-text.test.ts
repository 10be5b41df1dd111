import { type Endpoint, endpoints } from '@valtronics/contract';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

// People write personal data where a text lets them. So about every text of every body somebody has decided: it is searched for such data
// (`freeText` in the contract), or it is one of these.

const otherTexts: Readonly<Record<string, string>> = {
  // For personal data, and protected as such (the field catalogue).
  // `deviceEnrol` is searched by its handler, since the gate does not know yet whose it is.
  name: 'invitationAccept meChange userChange userInvite subjectChange subjectRegister serviceAccountCreate deviceEnrol',
  reference: 'subjectChange subjectRegister',
  location: 'deviceChange deviceRegister',
  serial: 'deviceChange deviceRegister deviceEnrol',
  target: 'channelChange channelCreate siemDestinationChange siemDestinationCreate',
  'subject.value': 'incidentOpen',
  value: 'blockCreate',
  // Secrets, and what a protocol prescribes.
  token: 'invitationAccept invitationInspect passwordReset passwordResetInspect',
  password: 'invitationAccept login sessionCreate stepUp',
  currentPassword: 'passwordChange',
  newPassword: 'passwordChange passwordReset',
  refreshToken: 'logout refresh',
  challengeId: 'mfaVerify sessionVerify passkeyAdd stepUp totpAdd',
  code: 'mfaVerify sessionVerify stepUp',
  'attestation.response.transports[]': 'passkeyAdd',
  claimToken: 'deviceEnrol',
  csr: 'certificateIssue certificateRenew deviceEnrol',
  certificate: 'apiKeyCreate ownApiKeyCreate',
  logout_token: 'oidcBackchannelLogout',
  network: 'allowListAdd',
  groupsClaim: 'identityProviderChange identityProviderCreate',
  'roleMapping[].group': 'identityProviderChange identityProviderCreate',
  // One's own words for one's own things, shown to oneself.
  label: 'passkeyAdd totpAdd',
  // Search, and a trial of which nothing is kept.
  event: 'auditEventsExport',
  actorId: 'auditEventsExport',
  resourceId: 'auditEventsExport',
  'rule.name': 'alertRuleDryRun',
};
/** Names of organisations and sign-in providers. */
const namesOfOrganisations = ['settingsChange', 'identityProviderChange', 'identityProviderCreate'];

type Schema = Record<string, unknown>;

/** The paths of texts that may hold anything: no pattern, no format, no list of words. */
function textsOf(schema: unknown, path = ''): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const {
    anyOf,
    oneOf,
    allOf,
    type,
    enum: words,
    pattern,
    format,
    const: one,
    properties,
    items,
    additionalProperties,
  } = schema as Schema;
  const within = (name: string): string => (path === '' ? name : `${path}.${name}`);
  const isText = type === 'string' && [words, pattern, format, one].every((limit) => limit === undefined);
  return [
    ...(isText ? [path] : []),
    ...[anyOf, oneOf, allOf].flatMap((all) => (Array.isArray(all) ? all.flatMap((each) => textsOf(each, path)) : [])),
    ...Object.entries((properties ?? {}) as Schema).flatMap(([name, each]) => textsOf(each, within(name))),
    ...textsOf(additionalProperties, within('*')),
    ...textsOf(items, `${path}[]`),
  ];
}

const bodies = Object.entries(endpoints as Readonly<Record<string, Endpoint>>).flatMap(([name, { body, freeText }]) => {
  if (!body) return [];
  const schema = z.toJSONSchema(body, { io: 'input', unrepresentable: 'any' });
  return [{ name, texts: new Set(textsOf(schema)), freeText: freeText ?? [] }];
});

describe('texts of bodies', () => {
  it('are searched for personal data, or listed with what they are for', () => {
    const undecided = bodies.flatMap(({ name, texts, freeText }) =>
      [...texts]
        .filter((text) => !freeText.includes(text) && !(otherTexts[text] ?? '').split(' ').includes(name))
        .filter((text) => !(text === 'name' && namesOfOrganisations.includes(name)))
        .map((text) => `${name}: ${text}`),
    );
    expect(undecided).toEqual([]);
    expect(bodies.flatMap(({ freeText }) => freeText).length).toBeGreaterThan(30);
  });

  it('are what the contract says they are', () => {
    const wrong = bodies.flatMap(({ name, texts, freeText }) =>
      freeText.filter((field) => !texts.has(field)).map((field) => `${name}: ${field}`),
    );
    expect(wrong).toEqual([]);
    const gone = Object.entries(otherTexts).flatMap(([text, names]) =>
      names
        .split(' ')
        .filter((name) => !bodies.find((body) => body.name === name)?.texts.has(text))
        .map((name) => `${name}: ${text}`),
    );
    expect(gone).toEqual([]);
  });
});
