import { fieldsIn, hashed, inClear, sealedWith, shownToNobody } from './field.ts';

const untilSent = inClear('only where an older release left it, for a day; otherwise it is sealed within the message');
const untilTheStart = inClear(
  'only what an older release left or a backup of one brings back, until the server has started',
);
/** Who sees what is personal of an account, however it is stored. */
const ofPeople = {
  email: {
    mask: 'email',
    clear: ['user:manage'],
    masked: 'members',
    ownInClear: true,
    revealBy: ['system:admin'],
  },
  // Whoever works together knows each other’s names: an alert that nobody may know the owner of is nobody’s.
  name: { mask: 'text', clear: 'members', masked: 'members', ownInClear: true },
  phone: {
    mask: 'phone',
    clear: ['user:manage'],
    masked: 'members',
    ownInClear: true,
    revealBy: ['system:admin'],
  },
} as const;
/** A secret of which only this is kept: whoever reads the database cannot be who knew it. */
const onlyHash = { ...shownToNobody, class: 'secret', basis: 'security', stored: hashed } as const;
const sealedSecret = {
  ...shownToNobody,
  class: 'secret',
  basis: 'security',
  stored: sealedWith('organisation'),
} as const;
const account = { retention: 'account', basis: 'account' } as const;

/** People who work with the platform, and how they prove who they are. */
export const peopleFields = [
  ...fieldsIn('users', { ...account, class: 'personal', stored: untilTheStart, search: 'no' } as const, {
    email: ofPeople.email,
    name: ofPeople.name,
    phone: ofPeople.phone,
  }),
  ...fieldsIn('users', { ...account, class: 'personal', stored: sealedWith('organisation') } as const, {
    email_sealed: { ...ofPeople.email, search: 'part' },
    name_sealed: { ...ofPeople.name, search: 'part' },
    phone_sealed: { ...ofPeople.phone, search: 'no' },
  }),
  ...fieldsIn('users', { ...account, ...shownToNobody, class: 'personal', stored: hashed } as const, {
    email_index: {},
    name_index: {},
  }),
  ...fieldsIn('users', onlyHash, { password_hash: { retention: 'account' } }),

  ...fieldsIn(
    'sessions',
    { ...account, class: 'personal', mask: 'text', search: 'exact', ownInClear: true, basis: 'security' } as const,
    {
      address: {
        clear: ['system:admin'],
        masked: 'members',
        stored: inClear('a session that moves between networks is found by comparing'),
      },
      user_agent: {
        clear: ['user:manage', 'system:admin'],
        masked: 'members',
        search: 'no',
        stored: inClear('the name of a browser'),
      },
    },
  ),
  ...fieldsIn('sessions', onlyHash, { token_hash: { retention: 'account' } }),
  ...fieldsIn('refresh_families', sealedSecret, { secret_sealed: { retention: 'account' } }),
  ...fieldsIn('refresh_tokens', onlyHash, { token_hash: { retention: 'account' } }),

  ...fieldsIn('factors', { ...sealedSecret, retention: 'account' } as const, {
    secret_sealed: {},
    public_key_sealed: {},
    credential_id: {
      class: 'identifier',
      stored: inClear('a passkey names itself by it before anybody is known'),
      search: 'exact',
    },
    label: {
      class: 'personal',
      clear: 'members',
      ownInClear: true,
      stored: inClear('what a person calls their authenticator'),
    },
  }),
  ...fieldsIn('recovery_codes', onlyHash, { code_hash: { retention: 'account' } }),
  ...fieldsIn('challenges', { ...sealedSecret, retention: 'moments' } as const, {
    token_hash: { stored: hashed },
    proven_password: { stored: hashed },
    secret_sealed: {},
    passkey_challenge: { stored: inClear('of no use without the passkey, and to nobody twice') },
  }),
  ...fieldsIn('invitations', onlyHash, { token_hash: { retention: 'moments' } }),
  ...fieldsIn('password_resets', onlyHash, { token_hash: { retention: 'moments' } }),
  ...fieldsIn('account_mails', { ...shownToNobody, retention: 'moments', basis: 'account' } as const, {
    recipient: { class: 'personal', mask: 'email', stored: untilSent },
    message_sealed: { class: 'secret', stored: sealedWith('organisation') },
  }),

  ...fieldsIn('api_keys', { ...onlyHash, retention: 'account' } as const, {
    token_hash: {},
    last_used_address: {
      class: 'personal',
      clear: ['system:admin'],
      masked: 'members',
      ownInClear: true,
      stored: inClear('where a key was used last, to be compared with its networks'),
    },
  }),
  ...fieldsIn('linked_identities', { ...account, ...shownToNobody, class: 'identifier' } as const, {
    subject: { stored: untilTheStart },
    subject_sealed: { search: 'exact', stored: sealedWith('organisation') },
    subject_index: { stored: hashed },
  }),
  ...fieldsIn('linked_identity_indexes', { ...account, ...shownToNobody, class: 'identifier' } as const, {
    subject_index: { stored: hashed },
  }),
  ...fieldsIn('provider_sessions', account, {
    provider_session: {
      ...shownToNobody,
      class: 'identifier',
      search: 'exact',
      stored: inClear('what a provider calls a session; it ends ours by it'),
    },
  }),
  ...fieldsIn('departures', { ...sealedSecret, retention: 'moments' } as const, {
    state_hash: { stored: hashed },
    browser_hash: { stored: hashed },
    secrets_sealed: {},
    next_path: { class: 'identifier', stored: inClear('the page somebody wanted to see, of this site') },
  }),
  ...fieldsIn('used_logout_tokens', onlyHash, { token_hash: { retention: 'moments' } }),
  ...fieldsIn('dpop_proofs', onlyHash, { proof_hash: { retention: 'moments' } }),
  ...fieldsIn('session_changes', { ...shownToNobody, class: 'identifier', basis: 'security' } as const, {
    subject: { retention: 'moments', stored: inClear('the id of a session or a person; read by every server') },
  }),
];
