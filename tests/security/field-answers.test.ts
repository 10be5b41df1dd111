import {
  type Endpoint,
  endpoints,
  fieldMark,
  type Permission,
  revealable,
  type Stream,
  streams,
} from '@valtronics/contract';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fieldCatalogue, fieldOf } from '../../server/src/security/fields/catalogue.ts';
import { sightOn } from '../../server/src/security/fields/show.ts';

// Every property of every answer and live message that can hold a text or a measurement: from which field of the catalogue it stems, or
// that it stems from none. Whoever answers with something new decides it here or in the contract.

interface Property {
  /** Endpoint or stream. */
  readonly of: string;
  readonly name: string;
  readonly schema: z.ZodType;
  readonly nullable: boolean;
}

const camel = (text: string) => text.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());
/** What sensitive columns are called in answers. */
const sensitive = new Set(fieldCatalogue.map(({ column }) => camel(column)));
const lastOf = (name: string): string => name.split('.').at(-1) ?? '';

const wrapped = (schema: z.ZodType): z.ZodType | undefined =>
  schema instanceof z.ZodNullable || schema instanceof z.ZodOptional ? (schema.unwrap() as z.ZodType) : undefined;

/** Names of properties that may hold anything; enumerations, ids, times and counts hold nothing of anybody. */
function textsOf(of: string, schema: z.ZodType, path: string, nullable = false): Property[] {
  const here = { of, name: path, schema, nullable };
  if (fieldMark(schema)) return [here];
  const inner = wrapped(schema);
  if (inner) return textsOf(of, inner, path, nullable || schema instanceof z.ZodNullable);
  if (schema instanceof z.ZodObject)
    return Object.entries(schema.shape as Record<string, z.ZodType>).flatMap(([name, member]) =>
      textsOf(of, member, path === '' ? name : `${path}.${name}`),
    );
  if (schema instanceof z.ZodArray) return textsOf(of, schema.element as z.ZodType, path);
  if (schema instanceof z.ZodRecord) return textsOf(of, schema.valueType as z.ZodType, path);
  if (schema instanceof z.ZodUnion)
    return schema.options.flatMap((option) => textsOf(of, option as z.ZodType, path, nullable));
  if (schema instanceof z.ZodUnknown || schema instanceof z.ZodAny) return [here];
  if (schema instanceof z.ZodNumber) return sensitive.has(lastOf(path)) ? [here] : [];
  // A string with a format of its own (an id, a time) holds that and nothing else.
  if (schema instanceof z.ZodString) return [here];
  return [];
}

const answers = Object.entries(endpoints).flatMap(([name, { response }]) =>
  typeof response === 'string' ? [] : textsOf(name, response, ''),
);
const messages = streams.flatMap((stream: Stream) =>
  stream.message ? textsOf(`live:${stream.channel}`, stream.message, '') : [],
);
const properties = [...answers, ...messages];
/** What these are called stands for nothing in the catalogue, wherever it stands. */
const publicNames = new Set(
  `acceptedAcr acceptedAmr accessToken action answer authorizationEndpoint authorizationUrl backchannelLogoutUrl ca callbackUrl column field table path place number backup retention legalBasis why
  certificateSha256 certificateUrl chainPem challenge challengeId clientCertificate clientId crlUrl defaultRole deviceName deviceType duration
  emailDomains event fingerprintSha256 group groupsClaim groupsScope hashes id index issuer key kind method metric name namePrefix networks
  nextCursor organisation origin pem privateKeyPem recoveryCodes refreshToken requestId role route rpId scenario scopesNotSupported secret
  serverName signingAlgorithms slug technique token tokenEndpoint transports type unit uri url userinfoEndpoint`.split(
    /\s+/,
  ),
);

/** The same word for something else than the field of the catalogue: of certificates, keys, scenarios and states of devices. */
const publicPlaces = new Set([
  'certificatesList items.serial',
  'certificateIssue certificate.serial',
  'certificateRenew certificate.serial',
  'deviceEnrol certificate.serial',
  'certificatesList items.label',
  'certificateIssue certificate.label',
  'certificateRenew certificate.label',
  'deviceEnrol certificate.label',
  'credentialsList items.label',
  'apiKeysList items.label',
  'ownApiKeysList items.label',
  'apiKeyCreate key.label',
  'ownApiKeyCreate key.label',
  'rolesList items.description',
  'roleCreate description',
  'roleChange description',
  'detectionScenariosList items.description',
  'detectionScenarioChange description',
  'deviceEventsList items.reason',
  'telemetrySend rejected.detail',
  'auditLogCheckpoint note',
  // Names nobody: an id and two times.
  'subjectErasuresList items.certificate',
  'subjectErasureGet certificate',
  // What is to be kept out is what a firewall elsewhere is told.
  'decisionsStream new.value',
  'decisionsStream deleted.value',
]);

describe('the fields of answers and live messages', () => {
  it('each property that may hold a text says from which field it stems, or stems from none', () => {
    expect(properties.length).toBeGreaterThan(400);
    const undeclared = properties.filter(
      ({ of, name, schema }) =>
        !fieldMark(schema) &&
        !(schema instanceof z.ZodString && schema.format !== null && schema.format !== 'regex') &&
        !publicNames.has(lastOf(name)) &&
        !publicPlaces.has(`${of} ${name}`),
    );
    expect(undeclared.map(({ of, name }) => `${of} ${name}`)).toEqual([]);
  });

  it('no name of a sensitive column is public by its name alone, but for names themselves', () => {
    // What a thing is called is no secret, nor what a colleague is; those of persons measured are marked, which the next test holds.
    expect([...publicNames].filter((name) => sensitive.has(name))).toEqual(['name']);
    const places = new Set(properties.map(({ of, name }) => `${of} ${name}`));
    expect([...publicPlaces].filter((place) => !places.has(place))).toEqual([]);
  });

  it('names of persons measured and of people are marked where they are shown', () => {
    const marked = (wanted: string) =>
      properties.filter(({ schema }) => fieldMark(schema)?.fields.includes(wanted)).map(({ of }) => of);
    expect(marked('subjects.name')).toEqual(
      expect.arrayContaining([
        'subjectsList',
        'subjectGet',
        'subjectRegister',
        'deviceAssignmentsList',
        'deviceAssign',
      ]),
    );
    expect(marked('users.name')).toEqual(
      expect.arrayContaining(['usersList', 'alertsList', 'alertGet', 'live:alerts', 'incidentsList', 'commandsList']),
    );
    expect(marked('devices.serial')).toEqual(
      expect.arrayContaining(['devicesList', 'deviceGet', 'deviceChange', 'live:devices']),
    );
  });

  it('each is a field of the catalogue, and hides nothing from whoever the endpoint lets in', () => {
    for (const { of, name, schema } of properties) {
      const mark = fieldMark(schema);
      if (!mark) continue;
      const access = accessOf(of);
      const permissions = new Set<Permission>(access.kind === 'needs' ? [access.permission] : []);
      for (const id of mark.fields) {
        const field = fieldOf(id);
        if (mark.shown === 'revealed') continue;
        const sight = sightOn(field, { permissions }, mark.shown === 'own');
        expect([of, name, id, sight === 'hidden']).toEqual([of, name, id, false]);
        // Only a text can be masked.
        const isText = schema instanceof z.ZodString || wrapped(schema) instanceof z.ZodString;
        if (sight === 'masked') expect([of, name, isText || schema instanceof z.ZodUnknown]).toEqual([of, name, true]);
      }
    }
  });

  it('somebody’s own are answers to whoever signed in, or shows what was sent to them', () => {
    const own = properties.filter(({ schema }) => fieldMark(schema)?.shown === 'own').map(({ of }) => of);
    expect([...new Set(own)].toSorted()).toEqual([
      'factorsGet',
      'invitationAccept',
      'invitationInspect',
      'meChange',
      'meGet',
      'passkeyAdd',
      'passkeyBegin',
      'passwordResetInspect',
      'sessionCreate',
      'sessionVerify',
      'sessionsList',
      'totpAdd',
    ]);
    for (const of of own) expect([of, ['signedIn', 'open']]).toEqual([of, expect.arrayContaining([accessOf(of).kind])]);
  });
});

it('what is revealed stands in the answers of a reveal and nowhere else, each from the field of its thing', () => {
  const shown = properties.filter(({ schema }) => fieldMark(schema)?.shown === 'revealed');
  expect([...new Set(shown.map(({ of }) => of))].toSorted()).toEqual([
    'channelReveal',
    'deviceReveal',
    'subjectReveal',
    'userReveal',
  ]);
  const declared = Object.values(revealable).flatMap((fields) => Object.values(fields));
  // A field is called by the name it has in answers, also where another column holds it sealed.
  const revealed = fieldCatalogue.flatMap(({ id, revealBy }) => (revealBy ? [id.replace(/_sealed$/, '')] : []));
  expect(declared.toSorted()).toEqual([...new Set(revealed)].toSorted());
  for (const id of declared) expect(endpointsOf(id)).toHaveLength(1);
});

const endpointsOf = (id: string) =>
  properties.filter(({ schema }) => fieldMark(schema)?.shown === 'revealed' && fieldMark(schema)?.fields[0] === id);

function accessOf(of: string): Endpoint['access'] {
  const access = of.startsWith('live:')
    ? streams.find(({ channel, message }) => message && `live:${channel}` === of)?.access
    : endpoints[of]?.access;
  if (!access) throw new Error(`${of} is not declared`);
  return access;
}
