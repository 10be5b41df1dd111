import type { PersonalDataKind } from '@valtronics/contract';

// What is told by the name of the field it stands in: `{"patientName": "…"}`, `{"dob": "1951-04-03"}`.

const byWords: readonly (readonly [PersonalDataKind, RegExp])[] = [
  [
    'name',
    /^(?:patient|subject|resident|owner|contact|operator|nurse|doctor|physician|caregiver|employee|customer|person|full|first|last|given|family|sur|maiden) ?(?:full |first |last )?name$|^(?:surname|vorname|nachname|patient|resident|next of kin|contact person|ansprechpartner|prenom|apellidos?)$/,
  ],
  [
    'postal_address',
    /^(?:home |street |postal |patient |private |mailing )address(?: line)?(?: \d)?$|^(?:street|zip code|postcode|postal code|plz|strasse|wohnort|domicilio)$/,
  ],
  [
    'date',
    /^(?:dob|birth ?date|birthday|date of birth|birth|geburtsdatum|date of death|death date|admission date|admitted(?: at| on)|discharge date|discharged on)$/,
  ],
  ['fax', /^(?:tele)?fax(?: no| number)?$/],
  [
    'phone',
    /^(?:patient |contact |owner |home |work |emergency )?(?:phone|telephone|telefon|handy|msisdn|(?:mobile|cell|tel)(?: phone| no| nr| number))(?: no| nr| number)?$/,
  ],
  ['email', /^(?:patient |contact |owner |work )?(?:e ?mail)(?: address)?$/],
  [
    'national_id',
    /^(?:ssn|social security(?: no| number)?|national id|nino|nhs(?: no| number)?|steuer ?id|dni|bsn|pesel|personnummer|cpf|aadhaar|curp|tax id)$/,
  ],
  [
    'medical_record',
    /^(?:mrn|medical record(?: no| number)?|patient(?: id| no| number| code)|patienten ?(?:id|nr|nummer)|fall ?(?:nr|nummer)|case number)$/,
  ],
  [
    'health_plan',
    /^(?:health plan(?: id| no| number)?|insurance(?: id| no| number)|member(?: id| no| number)|beneficiary(?: id| no| number)|medicare|medicaid|versicherten ?(?:nr|nummer))$/,
  ],
  ['account', /^(?:iban|bank account|account (?:no|number)|kontonummer)$/],
  ['payment_card', /^(?:credit|debit|payment) card(?: no| number)?$/],
  ['licence', /^(?:driver s? |drivers? |driving |medical )licen[cs]e(?: no| number)?$|^passport(?: no| number)?$/],
  ['vehicle', /^(?:licen[cs]e plate|number plate|kennzeichen)$/],
  ['url', /^(?:patient |personal |owner )(?:url|website|homepage|profile)$|^linkedin$/],
  ['ip_address', /^(?:patient|home|user|owner) ip(?: address)?$/],
  [
    'biometric',
    /^(?:fingerprint template|face ?template|faceprint|voice ?print|iris ?code|biometric(?: id| template| data)?)$/,
  ],
  ['photo', /^(?:patient |face |owner )(?:photo|portrait|picture)$/],
  ['other_identifier', /^(?:employee|staff|badge|student|participant)(?: id| no| nr| number)$|^personal ?nummer$/],
];

/** What such a field holds when nobody has filled it in. */
const EMPTY = /^(?:|-+|n\/?a|none|null|unknown|unbekannt|tbd|test|yes|no|true|false|on|off|\*+|<?redacted>?)$/i;

/** Fields for what a machine is called or counts. Digits there are not somebody's, whatever they look like. */
const TECHNICAL =
  /(?:^| )(?:serial|sn|imei|imsi|iccid|eui|deveui|mac|uuid|guid|hash|checksum|crc|fingerprint|firmware|version|build|revision|timestamp|time|ts|uptime|count|counter|total|sequence|seq|batch|lot|asset|model|type|part|sku|order|ticket|token|key|id)(?: |$)/;

/** `patientName`, `patient_name`, `Patient-Name` → `patient name`. */
const wordsOf = (key: string): string =>
  key
    .slice(0, 100)
    .replaceAll(/([a-z\d])([A-Z])/g, '$1 $2')
    .replaceAll(/[_.-]/g, ' ')
    .trim()
    .toLowerCase();

export function kindOfField(key: string, value: string): PersonalDataKind | undefined {
  if (EMPTY.test(value.trim())) return undefined;
  const words = wordsOf(key);
  return byWords.find(([, pattern]) => pattern.test(words))?.[0];
}

export const isTechnical = (key: string): boolean => TECHNICAL.test(wordsOf(key));

/** The same in prose. */
export const namesMachine = (text: string): boolean =>
  /(?<![a-z\d])(?:serials?|s\/n|imei|iccid|mac|firmware|board|module|lot|batch|asset|part|order|counter|cycles|seriennummer|charge|bestellung)(?![a-z\d])/i.test(
    text,
  );
