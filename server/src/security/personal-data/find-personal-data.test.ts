import { type PersonalDataKind, personalDataKinds } from '@valtronics/contract';
import { describe, expect, it } from 'vitest';
import { ordinaryTelemetry } from '../../../../tests/support/ordinary-telemetry.ts';
import { findPersonalData, hidePersonalData, type TextPlace } from './find-personal-data.ts';

/** Kind, text, and what of the text it is. Numbers are examples of the authorities that give them, or of nobody. */
const examples: readonly (readonly [PersonalDataKind, string, string])[] = [
  ['name', 'Bed 4, patient Mary Poppins, moved at noon', 'Mary Poppins'],
  ['name', 'Ansprechpartner: Jürgen von Groß (Technik)', 'Jürgen von Groß'],
  ['name', "Monitor of Mrs. Siobhán O'Brien", "Siobhán O'Brien"],
  ['postal_address', 'home address: 5 Elm Row, Springfield', '5 Elm Row, Springfield'],
  ['postal_address', 'deliver to 221 Baker Street please', '221 Baker Street'],
  ['postal_address', 'steht in der Hauptstraße 17, Keller', 'Hauptstraße 17'],
  ['date', 'DOB 1951-04-03', '1951-04-03'],
  ['date', 'Patient in room 7, geb. 3.4.1951', '3.4.1951'],
  ['date', 'patient admitted 04/03/2026', '04/03/2026'],
  ['date', 'resident came on 12 March 2024', '12 March 2024'],
  ['phone', 'call +49 170 1234567 before noon', '+49 170 1234567'],
  ['phone', 'on duty: (415) 555-2671', '(415) 555-2671'],
  ['phone', 'Tel. 0170/1234567', '0170/1234567'],
  ['fax', 'Fax: 0711 123456', '0711 123456'],
  ['email', 'write to ada.lovelace+lab@example.org.', 'ada.lovelace+lab@example.org'],
  ['national_id', 'worker 219-09-9998', '219-09-9998'],
  ['national_id', 'NI number QQ 12 34 56 C', 'QQ 12 34 56 C'],
  ['national_id', 'Steuer-ID 86 095 742 719', '86 095 742 719'],
  ['national_id', 'AHV 756.9217.0769.85', '756.9217.0769.85'],
  ['national_id', 'CF RSSMRA85T10A562S', 'RSSMRA85T10A562S'],
  ['national_id', '1 85 05 78 006 084 91', '1 85 05 78 006 084 91'],
  ['national_id', 'RRN 85.07.30-033.28', '85.07.30-033.28'],
  ['national_id', 'CPF 529.982.247-25', '529.982.247-25'],
  ['national_id', 'HETU 131052-308T', '131052-308T'],
  ['medical_record', 'MRN: 00012345', '00012345'],
  ['medical_record', 'patient id A-4711', 'A-4711'],
  ['health_plan', 'Versichertennummer A123456780', 'A123456780'],
  ['account', 'IBAN DE89 3704 0044 0532 0130 00', 'DE89 3704 0044 0532 0130 00'],
  ['account', 'account no. 0012345678', '0012345678'],
  ['payment_card', 'paid with 4111 1111 1111 1111', '4111 1111 1111 1111'],
  ['payment_card', 'paid with 378282246310005', '378282246310005'],
  ['payment_card', 'Visa 4111111111111111', '4111111111111111'],
  ['licence', "driver's license no D1234567", 'D1234567'],
  ['licence', 'Reisepass C01X00T47', 'C01X00T47'],
  ['vehicle', 'VIN 1HGCM82633A004352', '1HGCM82633A004352'],
  ['vehicle', 'Kennzeichen: S-AB 1234', 'S-AB 1234'],
  ['device_identifier', 'patient with pacemaker no. PM-88213-4', 'PM-88213-4'],
  ['url', 'film of the patient: https://video.example/p/8812', 'https://video.example/p/8812'],
  ['ip_address', 'patient connects from 203.0.113.77', '203.0.113.77'],
  ['ip_address', 'tablet of the resident: 2001:db8:0:1::77', '2001:db8:0:1::77'],
  ['biometric', 'fingerprint template: 0301AF99C2EE', '0301AF99C2EE'],
  ['photo', `data:image/jpeg;base64,${'A'.repeat(40)}`, `data:image/jpeg;base64,${'A'.repeat(40)}`],
  ['photo', `/9j/${'4AAQSkZJRgABAQ'.repeat(4)}`, `/9j/${'4AAQSkZJRgABAQ'.repeat(4)}`],
  ['other_identifier', 'badge no 77-1234', '77-1234'],
];

/** Kind, name of the field, value. */
const fields: readonly (readonly [PersonalDataKind, string, string])[] = [
  ['name', 'patientName', 'Poppins'],
  ['name', 'last_name', 'Groß'],
  ['postal_address', 'home-address', 'Elm Row'],
  ['date', 'dob', '1951'],
  ['phone', 'contactPhone', '5 55'],
  ['fax', 'fax', '12'],
  ['email', 'e-mail', 'ada at example'],
  ['national_id', 'ssn', '219099998'],
  ['medical_record', 'MRN', '7'],
  ['health_plan', 'insurance_number', 'A1'],
  ['account', 'bankAccount', '12'],
  ['payment_card', 'creditCard', '4111'],
  ['licence', 'driversLicense', 'D1'],
  ['vehicle', 'licensePlate', 'S AB 1'],
  ['url', 'patientUrl', '/p/1'],
  ['ip_address', 'patient_ip', '::1'],
  ['biometric', 'faceTemplate', '0301'],
  ['photo', 'patientPhoto', 'x.jpg'],
  ['other_identifier', 'employeeId', '12'],
];

/** What is not somebody's, although it comes near. */
const nobodys: readonly (readonly [string, string?])[] = [
  ['4111 1111 1111 1112 does not fit its check digit'],
  ['DE88 3704 0044 0532 0130 00'],
  ['000-12-3456 and 666-12-3456 and 219-00-9998'],
  ['756.9217.0769.84'],
  ['131052-308X'],
  ['+12345.67 l since the start, drift +1234567890.5'],
  ['tel. extension by the door'],
  ['4539148803436467', 'serial'],
  ['219-09-9998', 'assetSerial'],
  ['unknown', 'patientName'],
  ['n/a', 'phone'],
  ['patient monitor, bed side, 3 channels'],
  ['Patient monitoring unit; see the manual of 2019'],
  ['mqtt://sensor@broker.example:8883'],
  ['user@10.0.0.1'],
  ['https://vendor.example/manual.pdf, 192.0.2.7, installed 2024-03-01'],
  ['SHA256:9f86d081884c7d659a2feaa0c55ad015', 'fingerprint'],
  ['Doctor Blade holder, Owner’s manual page 3'],
  ['Main street crossing, sensor 3'],
  ['Patient Monitor Philips IntelliVue'],
  ['Patient Temperature Probe, Contact Sensor Front Door, Owner Manual Page 3'],
  ['Vin 12.4 V, NIR 850 nm, cell 3 at 3.71 V, sin 0.5, call interval 300'],
  ['Battery discharged 2024-03-01, died 2024-04-01'],
  ['chart 12-3, policy 30d, account for 100%, tin 99.3 %'],
  ['12.4', 'vin'],
  ['slow', 'discharge'],
  ['0x1F', 'address'],
  ['open', 'contact'],
  ['4', 'cell'],
  ['3', 'cardNumber'],
  ['sensor', 'username'],
];

const placeOf = (key?: string): TextPlace => (key === undefined ? {} : { key });

describe('personal data where none is expected', () => {
  it.each(examples)('%s in "%s"', (kind, text, value) => {
    const found = findPersonalData(text);
    expect(found.map((each) => [each.kind, text.slice(each.start, each.end)])).toContainEqual([kind, value]);
    expect(hidePersonalData(text, found)).not.toContain(value);
  });

  it.each(fields)('%s in a field called %s', (kind, key, value) => {
    expect(findPersonalData(value, placeOf(key))).toEqual([{ kind, start: 0, end: value.length }]);
  });

  it.each(nobodys)('nothing in "%s" %s', (text = '', key) => {
    expect(findPersonalData(text, placeOf(key))).toEqual([]);
  });

  it('knows every identifier of the Safe Harbor method', () => {
    const known = new Set([...examples, ...fields].map(([kind]) => kind));
    expect([...known].toSorted()).toEqual(Object.keys(personalDataKinds).toSorted());
    const letters = new Set(Object.values(personalDataKinds).map(({ safeHarbor }) => safeHarbor));
    expect([...letters].toSorted().join('')).toBe('ABCDEFGHIJKLMNOPQR');
  });

  it('raises no alarm in 10,000 ordinary messages of machines', () => {
    const alarms: unknown[] = [];
    for (const { name, description, metadata, values } of ordinaryTelemetry(10_000)) {
      const texts: (readonly [string, TextPlace?])[] = [
        [name, { machine: true }],
        [description],
        ...values.map((value) => [value, { machine: true }] as const),
        ...Object.entries(metadata).map(([key, value]) => [String(value), { key }] as const),
      ];
      for (const [text, where] of texts)
        for (const { kind, start, end } of findPersonalData(text, where))
          alarms.push([kind, where, text.slice(start, end), text]);
    }
    expect(alarms).toEqual([]);
  });

  it('hides what was found and nothing else', () => {
    const text = 'patient Mary Poppins, +49 170 1234567, reads 36.6 °C';
    expect(hidePersonalData(text, findPersonalData(text))).toBe('patient ********, ********, reads 36.6 °C');
  });

  it('hides all there are, and makes no long text longer', () => {
    const many = Array.from({ length: 200 }, (_, index) => `p${index}@b.de`).join(' ');
    const hidden = hidePersonalData(many, findPersonalData(many));
    expect(hidden).not.toContain('@');
    expect(hidden.length).toBeLessThanOrEqual(many.length);
  });

  it('reads a text made to be slow in a time that follows its length', () => {
    const hostile = [
      'a@',
      '1 ',
      '+1(',
      'patient ',
      'A. ',
      'Mary ',
      '9:',
      'tel ',
      'x.',
      "O'",
      '1-',
      'data:image/png;base64,A',
    ];
    const msOf = (text: string): number => {
      const started = performance.now();
      findPersonalData(text);
      return performance.now() - started;
    };
    for (const piece of hostile) {
      const short = piece.repeat(8_192 / piece.length);
      msOf(short);
      const once = Math.max(1, Math.min(msOf(short), msOf(short), msOf(short)));
      const eight = Math.min(msOf(short.repeat(8)), msOf(short.repeat(8)));
      // Eight times as long; quadratic would be 64 times.
      expect(eight / once, piece).toBeLessThan(32);
    }
  });
});
