import type { PersonalDataKind } from '@valtronics/contract';

// What is told by the word in front of it, in English, German, French and Spanish: "MRN 00123", "geb. 3.4.1951". One number looks like another;
// the word is what makes it somebody's.

export interface Label {
  readonly kind: PersonalDataKind;
  /** Global, with the value as its first group; every repetition has an end. */
  readonly pattern: RegExp;
}

/** A number with at least one digit, as it is printed: letters, digits, dashes, dots, slashes. */
const NUMBER = String.raw`((?=[\w./-]{0,30}\d)[\w][\w./-]{2,30}\w)`;
const DIGITS = String.raw`(\+?\(?\d(?:[ ./()-]{0,2}\d){5,18})`;
const DATE = String.raw`(\d{4}-\d\d?-\d\d?|\d\d?[./-]\d\d?[./-]\d{2,4}|\d\d?\.? [A-Za-zÀ-ž]{3,10}\.? \d{4}|[A-Za-zÀ-ž]{3,10} \d\d?,? \d{4})`;
const WORD = String.raw`[A-ZÀ-ŽА-Я][\p{L}'’-]{1,30}`;
/** "Patient Monitor", "Contact Sensor", "Doctor Blade": what is measured with, and no name. */
const THING = String.raw`(?:Monitor|Monitoring|Bed|Room|Ward|Unit|Lift|Warmer|Table|Scale|Transport|Care|Data|Safety|Line|Pump|Ventilator|Temperature|Station|Sensor|Switch|Relay|Closure|Blade|Manual|Probe|Cable|Circuit|Simulator|Interface|Alarm|Call|Module|Chair|Group|Area|Zone|Level|Count|Status|State|Type|Mode|Test|Side|Point|Resistance|Breaker)s?(?!\p{L})`;
const NAME = String.raw`((?!${THING})(?:${WORD}|[A-Z]\.)(?: (?:von|van|de|der|la|di|O'|${WORD}|[A-Z]\.)){0,3}(?: ${WORD})|${WORD}, ${WORD})`;
/** Between the word and the value. */
const OF = String.raw`(?: ?(?:no|nr|num|number|nummer|numéro|número|id|code)\b\.?)?(?: is| ist|:|=|#| |\.){0,3}[ ]?`;

const label = (kind: PersonalDataKind, words: string, value: string, flags = 'giu'): Label => ({
  kind,
  pattern: new RegExp(String.raw`(?<![\p{L}\d_])(?:${words})(?![\p{L}\d])${OF}${value}(?![\p{L}\d])`, flags),
});

export const labels: readonly Label[] = [
  label('fax', 'fax|telefax', DIGITS),
  label(
    'phone',
    `tel|phone|telephone|mobile|cell phone|telefon|tél|téléphone|teléfono|móvil|handy|rufnummer|whatsapp`,
    DIGITS,
  ),
  label(
    'date',
    String.raw`dob|d\.o\.b|born|birth ?date|birthday|date of birth|geb|geboren|geburtsdatum|née? le|date de naissance|nacid[oa] el|fecha de nacimiento|date of death|deceased|admitted|admission date|discharge date|aufgenommen am|entlassen am`,
    DATE,
  ),
  label(
    'national_id',
    `ssn|social security|nino|ni number|national insurance|nhs|national id|steuer-?id(?:entifikationsnummer)?|steuernummer|idnr|sv-?nummer|sozialversicherungsnummer|insee|dni|bsn|pesel|personnummer|fødselsnummer|cpf|aadhaar|curp|tax id`,
    String.raw`((?=[\w. /-]{0,24}\d)\w(?:[ ./-]?\w){5,20})`,
  ),
  label(
    'medical_record',
    `mrn|medical record|patient ?(?:id|no|nr|number|code)|patienten-?(?:id|nr|nummer)|fall-?(?:nr|nummer)|hospital number|dossier patient|historia clínica`,
    NUMBER,
  ),
  label(
    'health_plan',
    `health plan|health insurance|member id|beneficiary|medicare|medicaid|insurance policy|krankenkasse|versicherten-?(?:nr|nummer)|krankenversicherung|mutuelle|carte vitale`,
    NUMBER,
  ),
  label(
    'account',
    `bank account|account(?= (?:no|nr|number))|acct|konto(?:nummer)?|iban|sort code|customer (?:no|number|id)|kunden(?:nr|nummer)`,
    NUMBER,
  ),
  label(
    'payment_card',
    `credit card|debit card|card number|kreditkarte|carte bancaire|tarjeta`,
    String.raw`(\d(?:[ -]?\d){11,18})`,
  ),
  label(
    'licence',
    `driver'?s? licen[cs]e|driving licen[cs]e|medical licen[cs]e|führerschein(?:nummer)?|permis de conduire|passport|reisepass|passeport|pasaporte|personalausweis`,
    NUMBER,
  ),
  label(
    'vehicle',
    `licen[cs]e plate|number plate|registration plate|kennzeichen|fahrgestellnummer|immatriculation|matrícula`,
    String.raw`((?=[\w -]{0,20}\d)[\w][\w -]{2,20}\w)`,
  ),
  label(
    'vehicle',
    'vin|vehicle identification number|fahrzeug-ident(?:ifizierungs)?nummer',
    String.raw`([A-HJ-NPR-Z\d]{17})`,
  ),
  label(
    'other_identifier',
    `employee (?:id|no|nr|number)|staff (?:id|no|number)|badge (?:id|no|number)|personal-?nummer|student (?:id|no|number)|study participant|participant (?:id|no|number)|matricule`,
    NUMBER,
  ),
  label(
    'biometric',
    `fingerprint template|face ?template|faceprint|voice ?print|iris (?:code|scan)|retina scan|fingerabdruck|empreinte digitale`,
    String.raw`([\w+/=:-]{8,256})`,
  ),
  // Only words with a capital can be a name, so case counts here.
  label(
    'name',
    `[Pp]atient(?:in)?(?: [Nn]ame)?|[Rr]esident|[Nn]ame of (?:the )?patient|[Bb]ewohner(?:in)?|[Pp]robandin?|[Cc]ontact(?: person)?|[Aa]nsprechpartner(?:in)?|[Oo]wner|[Nn]urse|[Dd]octor|[Cc]aregiver|[Nn]ext of kin|[Ff]ull name|Dr|Prof|Mr|Mrs|Ms|Mx|Herr|Frau|Mme|Sra?`,
    NAME,
    'gu',
  ),
  {
    kind: 'postal_address',
    pattern:
      /(?<![\p{L}\d_-])(?:home address|lives (?:at|in)|residence|wohnhaft(?: in)?|wohnt(?: in)?|adresse privée|domicilio)(?:[ :=]){1,3}([\p{L}\d][\p{L}\d .,'/-]{4,80})/giu,
  },
  {
    kind: 'postal_address',
    pattern: new RegExp(
      String.raw`(?<![\p{L}\d_-])(\d{1,5}[a-z]?,? (?:${WORD} ){1,3}(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Boulevard|Blvd|Court|Crescent)\b\.?|\p{Lu}\p{L}{2,30}(?:straße|strasse|str\.|gasse|weg|allee) \d{1,4}[a-z]?(?![\p{L}\d])|\d{1,4},? (?:rue|avenue|boulevard|calle|avenida|via) (?:de |du |la |des |del )?${WORD})`,
      'gu',
    ),
  },
];

/** Words that say: this text is about somebody. What follows is nothing by itself and an identifier beside one of them. */
export const aboutPerson =
  /(?<![\p{L}\d_])(?:patient(?:in|en|s)?|resident|bewohner(?:in)?|donor|spender(?:in)?|newborn|relative|next of kin|paciente)(?![\p{L}\d_])/iu;

export const besidePerson: readonly Label[] = [
  { kind: 'date', pattern: new RegExp(String.raw`(?<![\w.-])${DATE}(?![\w-])`, 'gu') },
  { kind: 'url', pattern: /(https?:\/\/[^\s"'<>]{4,500})/giu },
  {
    kind: 'ip_address',
    pattern: /(?<![\w.])((?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d))(?![\w.])/gu,
  },
  { kind: 'ip_address', pattern: /(?<![\w:.])([0-9a-f]{1,4}(?::{1,2}[0-9a-f]{1,4}){3,7})(?![\w:.])/giu },
  label(
    'device_identifier',
    String.raw`pacemaker|implant|hearing aid|insulin pump|herzschrittmacher|hörgerät|serial|serial number|s\/n|seriennummer`,
    NUMBER,
  ),
];
