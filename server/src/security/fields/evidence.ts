import { fieldsIn, hashed, inClear, shownToNobody } from './field.ts';

const why = inClear('evidence: searched by, counted, and handed to other systems as it is');
const ofEvidence = {
  class: 'personal',
  basis: 'security',
  mask: 'text',
  clear: ['system:admin'],
  masked: [],
  search: 'exact',
  stored: why,
} as const;
const notSearched = { search: 'no' } as const;
/** Addresses of strangers as limits count them, and keyed hashes of the accounts they try. */
const counted = { ...shownToNobody, class: 'personal', basis: 'security', retention: 'guessing' } as const;
const atTheDoor = inClear('compared with every request, before anybody is known');

/** What happened, who did it and from where: for those who answer for it. */
export const evidenceFields = [
  ...fieldsIn('audit_events', { ...ofEvidence, retention: 'audit', basis: 'accountability' } as const, {
    actor_label: notSearched,
    address: {},
    details: notSearched,
  }),
  ...fieldsIn('audit_salts', { ...shownToNobody, retention: 'audit', basis: 'accountability' } as const, {
    salts: {
      class: 'secret',
      stored: inClear('without its salt a value cannot be guessed from the log; with it, it stands beside it'),
    },
  }),
  ...fieldsIn('audit_leaves', { ...shownToNobody, retention: 'audit', basis: 'accountability' } as const, {
    entry: { class: 'identifier', clear: ['system:admin'], stored: inClear('holds salted hashes of personal values') },
  }),

  ...fieldsIn('security_events', { ...ofEvidence, retention: 'evidence' } as const, {
    source_address: {},
    user_label: notSearched,
    reason: notSearched,
    details: notSearched,
  }),
  ...fieldsIn('detections', { ...ofEvidence, retention: 'evidence' } as const, { subject: {} }),
  ...fieldsIn('incidents', { ...ofEvidence, retention: 'incident', basis: 'accountability' } as const, {
    subject: {},
    title: notSearched,
  }),
  ...fieldsIn('incident_detections', { ...ofEvidence, retention: 'incident' } as const, { subject: {} }),
  ...fieldsIn('incident_entries', { ...ofEvidence, retention: 'incident', basis: 'accountability' } as const, {
    note: notSearched,
  }),

  ...fieldsIn('backup_runs', { ...ofEvidence, class: 'identifier', retention: 'audit', search: 'no' } as const, {
    fault: {},
    details: {},
  }),

  ...fieldsIn('blocks', { ...ofEvidence, retention: 'evidence' } as const, {
    value: {},
    reason: notSearched,
    evidence: notSearched,
    created_by_label: notSearched,
    lifted_by_label: notSearched,
  }),
  ...fieldsIn('allow_list', { ...ofEvidence, retention: 'configuration' } as const, {
    network: {},
    note: notSearched,
    created_by_label: notSearched,
  }),
  ...fieldsIn('bouncers', { ...ofEvidence, retention: 'configuration', search: 'no' } as const, {
    created_by_label: {},
    last_address: {},
    user_agent: {},
  }),
  ...fieldsIn('bouncers', { ...shownToNobody, retention: 'configuration', basis: 'security' } as const, {
    key_hash: { class: 'secret', stored: hashed },
  }),

  ...fieldsIn('guess_attempts', { ...counted, class: 'identifier' } as const, {
    address: { class: 'personal', stored: atTheDoor },
    account: { stored: hashed },
    pair: { stored: hashed },
    device_cookie: { stored: hashed },
  }),
  ...fieldsIn('guess_accounts', { ...counted, class: 'identifier' } as const, { account: { stored: hashed } }),
  ...fieldsIn('device_cookies', { ...counted, class: 'secret' } as const, {
    token_hash: { stored: hashed },
    account: { class: 'identifier', stored: hashed },
  }),
  ...fieldsIn('refused_tokens', counted, {
    address: { stored: atTheDoor },
    token_hash: { class: 'secret', stored: hashed },
  }),
  ...fieldsIn('last_places', { ...counted, class: 'identifier' } as const, {
    network: { stored: atTheDoor },
    was: { stored: atTheDoor },
  }),
  ...fieldsIn('suspicious_addresses', counted, { address: { stored: atTheDoor } }),
];
