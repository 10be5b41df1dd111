// biome-ignore-all lint/suspicious/noTemplateCurlyInString: some notes hold one
// What people and devices send on an ordinary day, made up by a seeded generator: names with apostrophes, units, notes in several
// languages, commands and formulas in prose, firmware addresses, words of SQL in sentences. None of it may ever be refused.

export interface OrdinaryRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** mulberry32: small, and the same everywhere. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const people = [
  "Siobhán O'Brien",
  "D'Arcy McGee",
  "Mary-Kate O'Neill-O'Hara",
  'Jürgen Groß',
  'José Ñíguez',
  "Chloé d'Aubigné",
  'Łukasz Żółć',
  '李小龙',
  'Зоя Ивановна',
  'محمد الأمين',
  'Nguyễn Thị Hương',
  'Dr. Anna "Annie" Oakley',
  'John & Mary Union',
  'Ann Order',
  "Ng'ang'a wa Kamau",
  'Null, Christopher',
  "Shaquille O'Neal",
  'Select, Peter (contractor)',
  'Åse Ødegård',
  '山田 太郎',
  'Drop, Jane',
  "T'Pol",
  'Rock ’n’ Roll AG',
];
const units = [
  '°C',
  '°F',
  'µg/m³',
  'm/s²',
  'km/h',
  '%',
  '% RH',
  'kWh',
  'Ω',
  'mmHg',
  'l/min',
  'W/m²',
  '#/cm³',
  'N·m',
  'mS/cm',
  'm³/h',
  'dB(A)',
  'bpm',
  'pH',
  'ppm',
  "'",
  '"',
  'in.',
  'ft-lb',
  '$/kWh',
  'A·h',
  'rad/s',
  '1/min',
  '‰',
  'VA',
  'var',
];
const notes = [
  'Please select the union rep from the list and update the table in the lobby.',
  'Drop table lamp at reception; order by Friday or return it.',
  'where the pump meets the pipe, insert gasket and delete old tag',
  'Union meeting: select committee members from Berlin, Paris and Rome.',
  "Don't restart before 5 o'clock - it's the technician's window.",
  'Ran `df -h` and `systemctl restart mosquitto`, then checked /var/log/syslog; all fine.',
  'If temperature > 30 and humidity < 40 then alert; else ignore.',
  'state is "on" and flow > 3 l/min for 10 min',
  '1. Close valve; 2. drain (5 l); 3. open valve & wait 10 s.',
  'Rack 19" -- bottom shelf, 6\' from the door',
  "Mesure à l'entrée de l'étage: 22 °C, l'alarme n'est pas déclenchée.",
  'Prüfung am 3.5.: 12 V ±5 %, Lüfter „laut“, Filter tauschen!',
  'Se cambió el sensor nº 3; ¿por qué falla? ¡Revisar!',
  '温度センサーを交換しました（2026年）。',
  'Датчик заменён, показания в норме: 36,6 °C.',
  'تم استبدال الحساس اليوم',
  'a = b + c * d / e; f(x) = x^2 - 2*x + 1',
  '2 < 3 and 5 > 4 in every unit test',
  'see https://wiki.example.org/devices/pump?tab=history&view=all#section-2',
  'email: ops+alerts@example.org, phone +49 (0)30 123456-78',
  'Firmware v2.3.1-rc.4 (build #1042) -- see CHANGELOG',
  'Gateway <-> sensor link is weak (RSSI -91 dBm) => move antenna',
  'Set point 21.5 C -> 22 C; hysteresis +/- 0.5',
  'Update the script after lunch, alert the on-call and confirm.',
  'Exec summary: create a view of the data, grant access to Bob, revoke Alice.',
  'Case closed when pump ends; else call support (24/7)',
  'Having 3 = three sensors, or 4 if the budget allows',
  'temp in {20, 21, 22}, mode = [auto|manual]',
  'Message: {{deviceName}} exceeded {{threshold}} at {{time}}',
  'Hello ${name}, the device ${device} is back.',
  '50% off or 100% guaranteed; 3% drift',
  'A/C unit #4, AC/DC converter, 24/7, n/a, w/o cover',
  "the 'high' and 'low' limits are swapped",
  "Set 'mode' or 'state' first",
  'backup in /home/operator/backup/2026-11-05 on the gateway',
  'config is in /opt/gateway/config.yaml, logs in /var/log/gateway',
  'TODO: fix; TEST: ok; NOTE: sleep mode after 5 min (sleep 5 in the loop).',
  'Cat sensor & dog sensor | both wireless',
  'ping 192.168.1.20 answers in 3 ms; telnet is off',
  'From where? Order by whom? Group by site.',
  '"quoted" text, \'single\', and a `code` word',
  'C:\\Data\\exports\\report.xlsx was saved',
  '\\\\fileserver\\share\\manuals\\pump.pdf',
  'x'.repeat(300),
  'Regex for names: ^[a-z]{3}-\\d+$',
  '<b>Important</b>: keep the door closed',
  'reading <5 or >90 is invalid',
  'mean (n=30): 5.1 ± 0.2; p<0.05',
  'Call (555) 123-4567 #2 or *5',
  'Replaced fuse 10A/250V, type "T"; was type "F"',
  'SELECT switch on panel: AUTO / OFF / HAND',
  'INSERT key into slot A, TURN to position 3',
  'Where did you get it? -- From the union store; values vary.',
  "It's 5 o'clock and we're done; she'd said 'ok' and left",
  'Pump #3 = OK, pump #4 = not OK -- replace',
  'Contact: O’Connor, or D’Angelo if away',
  'Sensor in room 1=1.2 °C, room 2=2.4 °C',
  'waiting for delay of shipment, benchmark next week',
  'Document: cookie policy updated; window open in lab 3',
  'level = 3 or 4; status in (ok, warn)',
  'rev. A; B; C -- all scrapped',
  'eval board arrived, alert (red) blinks, confirm (green) steady',
  'Script: run it on load, on error call me',
  'Execute plan B; drop off parts; update me',
  'A && B || !C logic diagram attached',
  'Le système s’arrête; l’union fait la force',
  'Or maybe 2 and 3 are swapped?',
  '../images/pump.png is missing in the manual',
];
const types = ['temperature-sensor', 'flow_meter', 'gateway', 'infusion-pump', 'ecg'];
const metrics = [
  'temperature',
  'humidity.relative',
  'motor_rpm',
  'co2',
  'battery.voltage',
  'union_select_count',
  'order-by-rate',
  'x.1',
];
const crons = ['*/5 * * * *', '0 2 * * 1-5', '15,45 */2 1 * ?', '@daily', '0 0 12 ? * MON-FRI *'];
const urls = [
  'https://updates.example.org/fw/pump/v2.3.1/image.bin?sig=a1b2c3d4e5f60718293a4b5c6d7e8f90&exp=1767225600',
  'http://192.168.1.10:8080/firmware/latest.bin',
  'https://hooks.example.com/services/T00000000/B00000000/abcdEFGHijklMNOPqrstUVWX',
  'mqtts://broker.example.org:8883',
  'http://10.0.0.5/fw.bin',
  'https://example.org/search?q=union+station&order=asc&select=all',
  'https://fleet.example.org/a/b/../c',
  'opc.tcp://10.1.2.3:4840/UA/Server',
  'http://[2001:db8::1]/status',
  'coap://sensor-17.local/temp',
];
const agents = [
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1',
  'python-requests/2.32.3',
  'curl/8.11.0',
  'esp-idf/5.3 esp32',
  'okhttp/4.12.0',
  'Valtronics-Simulator/0.1.0 (+https://example.org)',
];
const tokens = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** So many ordinary requests, the same ones for the same seed. */
export function* ordinaryRequests(count: number, seed = 20_261_129): Generator<OrdinaryRequest> {
  const random = seeded(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const hex = (length: number): string => Array.from({ length }, () => below(16).toString(16)).join('');
  const id = (): string => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`;
  const token = (length: number): string => Array.from({ length }, () => pick([...tokens])).join('');
  const words = (): string => {
    const all = pick(notes).split(' ');
    return all.slice(below(all.length), all.length).join(' ') || 'ok';
  };
  // Sentences in any order, and pieces of them: what stands next to what is different each time.
  const text = (): string =>
    Array.from({ length: 1 + below(3) }, () => (below(3) === 0 ? words() : pick(notes))).join(
      pick([' ', '\n', ' / ', '. ']),
    );
  const value = (): unknown =>
    pick([below(1000) / 10, -below(50), true, pick(['on', 'off', 'fault: E-42', pick(notes).slice(0, 200)])]);
  const point = (): unknown => ({
    metric: pick(metrics),
    value: value(),
    unit: pick(units),
    timestamp: new Date(1.76e12 + below(1e9)).toISOString(),
  });
  const metadata = (): unknown => ({
    owner: pick(people),
    rev: `A.${below(9)}`,
    cron: pick(crons),
    firmware: pick(urls),
    serial: hex(12).toUpperCase(),
    mac: hex(12).replaceAll(/(..)(?=.)/g, '$1:'),
    sha256: hex(64),
    formula: pick([
      't*1.8+32',
      '(a+b)/2',
      'max(x, y) - min(x, y)',
      'if(x>5, 1, 0)',
      '$a + $b',
      'x % 2 == 0 ? "even" : "odd"',
    ]),
    tags: Array.from({ length: below(4) }, () =>
      pick(['union', 'select', 'north', 'äußere Halle', 'Côte d’Or', 'R&D', 'level>2', '<none>']),
    ).join(', '),
    note: text(),
  });
  const bodies: readonly (() => unknown)[] = [
    () => ({ points: Array.from({ length: 1 + below(20) }, point) }),
    () => ({
      name: `${pick(people)}: ${pick(['pump', 'sensor', 'boiler'])} #${below(99)}`,
      type: pick(types),
      location: text().slice(0, 120),
      description: text(),
      metadata: metadata(),
    }),
    () => ({ name: pick(people), email: `o'brien.${below(99)}@example.org`, phone: '+15551234567', role: 'operator' }),
    () => ({ note: text() }),
    () => ({
      name: text().slice(0, 120),
      metric: pick(metrics),
      condition: 'gt',
      threshold: below(100),
      description: text(),
    }),
    () => ({ name: 'update', parameters: { url: pick(urls), schedule: pick(crons), message: text() } }),
    () => ({ kind: 'webhook', target: pick(urls), name: pick(people) }),
    () => ({ title: text().slice(0, 120), severity: 'warning', description: text() }),
    () => ({ refreshToken: token(86) }),
    () => undefined,
  ];
  for (let made = 0; made < count; made += 1) {
    const query = pick([
      '',
      `?text=${encodeURIComponent(pick(people))}&limit=50`,
      `?text=${encodeURIComponent(words().slice(0, 100))}`,
      `?deviceId=${id()}&metric=${pick(metrics)}&from=2026-11-01T00:00:00.000Z&to=2026-11-02T00:00:00%2B01:00`,
      `?cursor=${Buffer.from(JSON.stringify([new Date(1.76e12 + below(1e9)).toISOString(), id()])).toString('base64url')}`,
      `?location=${encodeURIComponent(pick(['Hall 3, row 5', 'Côte d’Or', "St. John's", 'A&E ward', '1st floor / left']))}&order=name`,
    ]);
    yield {
      url: `/api/v1/${pick(['devices', 'telemetry', 'alerts', 'people', 'subjects'])}/${id()}${query}`,
      headers: {
        host: 'fleet.example.org',
        'user-agent': pick(agents),
        accept: 'application/json, text/plain, */*',
        'sec-ch-ua': '"Chromium";v="131", "Not?A_Brand";v="24", "Google Chrome";v="131"',
        'if-none-match': `W/"${hex(16)}"`,
        'accept-language': 'de-DE,de;q=0.9,en;q=0.8',
        referer: `https://fleet.example.org/devices/${id()}?tab=notes`,
        'x-request-id': hex(32),
        authorization: `Bearer ${token(43)}`,
        cookie: `__Host-session=${token(43)}; theme=dark`,
      },
      body: pick(bodies)(),
    };
  }
}
