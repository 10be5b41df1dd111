import { fieldsIn, inClear, sealedWith, shownToNobody, wrapped } from './field.ts';

const secret = {
  ...shownToNobody,
  class: 'secret',
  basis: 'none',
  retention: 'configuration',
  stored: sealedWith('organisation'),
} as const;
const instanceKey = { ...secret, retention: 'key', stored: sealedWith('instance') } as const;

/** What opens doors: secrets shared with others, and keys. */
export const configurationFields = [
  ...fieldsIn('notification_channels', secret, { secret_sealed: {} }),
  ...fieldsIn('identity_providers', secret, {
    client_secret_sealed: {},
    role_mapping: {
      class: 'identifier',
      clear: ['user:manage'],
      stored: inClear('which groups of a directory have which role; read at every sign-in'),
    },
  }),
  ...fieldsIn('siem_destinations', secret, {
    client_key_sealed: {},
    secret_sealed: {},
    // Some receivers are given their token within the address.
    target: {
      class: 'identifier',
      clear: ['system:admin'],
      stored: inClear('shown to those who set it up; a token within it is theirs to leave out'),
    },
    last_error: { clear: ['system:admin'], class: 'identifier', stored: inClear('what a receiver answered') },
  }),
  ...fieldsIn('signing_keys', instanceKey, {
    private_sealed: {},
    public_jwk: { class: 'identifier', clear: 'members', stored: inClear('published, so that anybody can verify') },
  }),
  ...fieldsIn('audit_keys', instanceKey, { private_sealed: {} }),
  ...fieldsIn('device_authorities', instanceKey, { private_sealed: {} }),
  ...fieldsIn('key_epochs', { ...instanceKey, stored: wrapped } as const, { wrapped_key: {} }),
  ...fieldsIn('data_keys', { ...instanceKey, stored: wrapped } as const, { wrapped_key: {} }),
];
