import { fieldsIn, hashed, inClear, sealedWith, shownToNobody } from './field.ts';

const searchedByParts = inClear('lists of devices are searched by parts of it, and filtered by it, in the database');
const values = {
  class: 'health',
  retention: 'telemetry',
  basis: 'care',
  mask: 'text',
  clear: ['telemetry:read', 'analytics:read'],
  masked: [],
  search: 'no',
  stored: inClear('counted by the database; of series marked as health nothing is here, all is in `sealed`'),
} as const;
/** Of series marked as health, in which the permission is one of its own. */
const sealedValues = {
  ...values,
  clear: ['health:read'],
  stored: sealedWith('subject or organisation'),
} as const;
/** Whoever may act on what is measured, or may carry it out of the platform, may have to know whose it is or which device it was. */
const revealBy = ['alert:acknowledge', 'analytics:export'] as const;

const ofSubjects = { retention: 'subject', basis: 'care' } as const;
const identity = {
  reference: { class: 'personal', mask: 'text', clear: ['device:write'], masked: ['device:read'], revealBy },
  name: {
    class: 'personal',
    mask: 'text',
    clear: ['device:write'],
    masked: ['device:read'],
    hidesAbsence: true,
    revealBy,
  },
} as const;
const untilTheStart = inClear(
  'only what an older release left or a backup of one brings back, until the server has started',
);

/** One of the 18 identifiers of HIPAA's Safe Harbor: through records elsewhere it leads to the patient. */
const serial = {
  class: 'identifier',
  clear: ['device:write'],
  masked: ['device:read'],
  hidesAbsence: true,
  revealBy,
} as const;
const whereItGoes = {
  class: 'personal',
  mask: 'email',
  clear: ['config:manage'],
  masked: ['alert:read'],
  revealBy: ['alert:acknowledge'],
  search: 'no',
} as const;

const whoAlerts = ['alert:read', 'alert:write', 'alert:acknowledge'] as const;

/** Persons measured, what they are measured with, and what was measured. */
export const measuredFields = [
  ...fieldsIn('subjects', { ...ofSubjects, stored: untilTheStart, search: 'no' } as const, {
    reference: identity.reference,
    name: identity.name,
  }),
  ...fieldsIn('subjects', { ...ofSubjects, stored: sealedWith('subject'), search: 'part' } as const, {
    reference_sealed: identity.reference,
    name_sealed: identity.name,
  }),
  ...fieldsIn('subjects', { ...ofSubjects, ...shownToNobody, class: 'personal', stored: hashed } as const, {
    reference_index: {},
    name_index: {},
  }),
  ...fieldsIn('measured_changes', { ...shownToNobody, retention: 'moments', basis: 'care' } as const, {
    during: { class: 'health', stored: inClear('times whose measurements are to be sealed anew, for a minute') },
  }),
  ...fieldsIn('subject_assignments', { retention: 'subject', basis: 'care' } as const, {
    during: {
      class: 'health',
      mask: 'text',
      clear: ['device:read'],
      masked: [],
      search: 'no',
      stored: inClear('which measurements are whose is worked out by the database'),
    },
  }),

  ...fieldsIn('devices', { retention: 'device', basis: 'operation', mask: 'text' } as const, {
    // Where a freezer or a bed stands must be plain to whoever is sent there at night, so all who see the device see it.
    location: {
      class: 'identifier',
      clear: ['device:read', 'device:write'],
      masked: [],
      search: 'part',
      stored: searchedByParts,
    },
    serial: { ...serial, search: 'no', stored: untilTheStart },
    serial_sealed: { ...serial, search: 'exact', stored: sealedWith('organisation') },
    serial_index: { ...shownToNobody, class: 'identifier', search: 'no', stored: hashed },
    description: {
      class: 'identifier',
      clear: ['device:read', 'device:write'],
      masked: [],
      search: 'part',
      stored: inClear('words about a device; personal values are found on writing'),
    },
    metadata: {
      class: 'identifier',
      clear: ['device:read', 'device:write'],
      masked: [],
      search: 'no',
      stored: inClear('properties of a device; personal values are found on writing'),
    },
  }),
  ...fieldsIn('device_credentials', { ...shownToNobody, retention: 'device', basis: 'security' } as const, {
    token_hash: { class: 'secret', stored: hashed },
  }),
  ...fieldsIn('device_claims', { ...shownToNobody, retention: 'moments', basis: 'security' } as const, {
    token_hash: { class: 'secret', stored: hashed },
  }),
  ...fieldsIn('device_commands', { retention: 'telemetry', basis: 'operation', mask: 'text', search: 'no' } as const, {
    // Settings of a monitor may be a person’s limits, so they are for those who send commands.
    payload: {
      class: 'health',
      clear: ['device:write'],
      masked: ['device:read'],
      stored: inClear('handed to the device as it is, whenever it comes back'),
    },
    response: {
      class: 'health',
      clear: ['device:write'],
      masked: ['device:read'],
      stored: inClear('what the device answered'),
    },
  }),

  ...fieldsIn('points', values, { num: {}, txt: {} }),
  ...fieldsIn('points', sealedValues, { sealed: {} }),
  ...fieldsIn('series_latest', values, { num: {}, txt: {} }),
  ...fieldsIn('rollups_1m', values, { sum: {}, min: {}, max: {}, sketch: {} }),
  ...fieldsIn('rollups_1m', sealedValues, { sealed: {} }),
  ...fieldsIn('rollups_1h', values, { sum: {}, min: {}, max: {}, sketch: {} }),
  ...fieldsIn('rollups_1h', sealedValues, { sealed: {} }),
  ...fieldsIn('telemetry_journal', values, { payload: { clear: [], retention: 'moments' } }),
  ...fieldsIn('point_ids', { ...shownToNobody, retention: 'redelivery', basis: 'operation' } as const, {
    point_id: { class: 'identifier', stored: inClear('a device’s own number of a point, to know it again') },
  }),

  ...fieldsIn(
    'alerts',
    { class: 'health', retention: 'alert', basis: 'care', mask: 'text', masked: [], clear: whoAlerts } as const,
    {
      title: { search: 'no', stored: inClear('made of a rule, or said by a device') },
      detail: { search: 'no', stored: inClear('made of a rule, or said by a device') },
      value: { search: 'no', stored: inClear('one value, told whoever is to act') },
      peak: { search: 'no', stored: inClear('one value, told whoever is to act') },
    },
  ),
  // Of series and devices of class health nothing stands in the columns above but the title.
  ...fieldsIn('alerts', { ...sealedValues, retention: 'alert' } as const, { told_sealed: {}, peak_sealed: {} }),
  ...fieldsIn('alert_events', { ...sealedValues, retention: 'alert' } as const, { note_sealed: {} }),
  ...fieldsIn('alert_states', { ...shownToNobody, class: 'health', retention: 'device', basis: 'care' } as const, {
    sealed: { stored: sealedWith('subject or organisation') },
  }),
  ...fieldsIn('alert_events', { class: 'health', retention: 'alert', basis: 'care' } as const, {
    note: {
      mask: 'text',
      clear: whoAlerts,
      masked: [],
      search: 'no',
      stored: inClear('what people write down about an alert, for each other'),
    },
  }),
  ...fieldsIn('alert_states', { ...shownToNobody, class: 'health', retention: 'device', basis: 'care' } as const, {
    state: { stored: inClear('the last values a rule saw; changed with every point') },
  }),
  ...fieldsIn('notification_channels', { retention: 'configuration', basis: 'operation' } as const, {
    target: { ...whereItGoes, stored: untilTheStart },
    target_sealed: { ...whereItGoes, stored: sealedWith('organisation') },
    // What a mail server answers often repeats the address.
    last_error: {
      class: 'personal',
      mask: 'text',
      clear: ['config:manage'],
      masked: ['alert:read'],
      search: 'no',
      stored: inClear('says why a message did not arrive'),
    },
  }),
  ...fieldsIn('notification_outbox', { ...shownToNobody, retention: 'notification', basis: 'operation' } as const, {
    payload: { class: 'health', stored: inClear('the alert as it was, until it is delivered') },
    last_error: { class: 'personal', stored: inClear('says why a message did not arrive') },
  }),
];
