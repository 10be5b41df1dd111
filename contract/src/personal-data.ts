import { z } from 'zod';

/**
 * The identifiers of a person, in the order of the Safe Harbor method of de-identification (45 CFR 164.514(b)(2)(i), A to R), to which all of
 * them belong; `national_id` is G beyond the United States, and `payment_card` an account number (J) of its own.
 */
export const personalDataKinds = {
  name: { safeHarbor: 'A', text: 'a name' },
  postal_address: { safeHarbor: 'B', text: 'a postal address' },
  date: { safeHarbor: 'C', text: 'a date of a person’s life' },
  phone: { safeHarbor: 'D', text: 'a telephone number' },
  fax: { safeHarbor: 'E', text: 'a fax number' },
  email: { safeHarbor: 'F', text: 'an email address' },
  national_id: { safeHarbor: 'G', text: 'a number of social security, tax or national identity' },
  medical_record: { safeHarbor: 'H', text: 'a medical record number' },
  health_plan: { safeHarbor: 'I', text: 'a number of a health insurance' },
  account: { safeHarbor: 'J', text: 'an account number' },
  payment_card: { safeHarbor: 'J', text: 'a payment card number' },
  licence: { safeHarbor: 'K', text: 'a licence or certificate number' },
  vehicle: { safeHarbor: 'L', text: 'a vehicle or its number plate' },
  device_identifier: { safeHarbor: 'M', text: 'a device of a person' },
  url: { safeHarbor: 'N', text: 'a web address of a person' },
  ip_address: { safeHarbor: 'O', text: 'an IP address of a person' },
  biometric: { safeHarbor: 'P', text: 'a biometric identifier' },
  photo: { safeHarbor: 'Q', text: 'a picture' },
  other_identifier: { safeHarbor: 'R', text: 'a number that stands for a person' },
} as const satisfies Record<string, { safeHarbor: string; text: string }>;
export type PersonalDataKind = keyof typeof personalDataKinds;

/** What becomes of personal data where none is expected: stored and reported; hidden before it is stored; or not taken at all. */
export const personalDataPolicy = z.enum(['warn', 'mask', 'refuse']);
export type PersonalDataPolicy = z.infer<typeof personalDataPolicy>;

/**
 * The header of an answer to a request that held such data: `description;kind=email, metadata.contact;kind=phone`, and `;masked` where it was
 * hidden. A list of RFC 9651.
 */
export const personalDataHeader = 'valtronics-personal-data';
