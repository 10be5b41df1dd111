import { existsSync } from 'node:fs';
import { join } from 'node:path';

// ModSecurity 3 (libmodsecurity.so.3) with the OWASP Core Rule Set, as Debian installs both. Loaded by the process that
// `core-rules-process.ts` starts, and by nobody else: it is C++ that reads what strangers wrote.

const RULES = '/usr/share/modsecurity-crs/rules';
const SETUP = '/etc/modsecurity/crs/crs-setup.conf';
const LIBRARY = 'libmodsecurity.so.3';

/** Whether the rules are there; whether the library is, only loading it tells. */
export const areRulesInstalled = (): boolean => existsSync(RULES) && existsSync(SETUP);

/**
 * What looks for attacks in a text. Left out: methods, protocol and encodings (the gate knows HTTP better), floods and reputation (limits
 * and blocks), products we are not (Drupal and others), uploads (there are none), and answers.
 */
const FILES = [
  '901-INITIALIZATION',
  '913-SCANNER-DETECTION',
  '921-PROTOCOL-ATTACK',
  '930-APPLICATION-ATTACK-LFI',
  '931-APPLICATION-ATTACK-RFI',
  '932-APPLICATION-ATTACK-RCE',
  '933-APPLICATION-ATTACK-PHP',
  '934-APPLICATION-ATTACK-NODEJS',
  '941-APPLICATION-ATTACK-XSS',
  '942-APPLICATION-ATTACK-SQLI',
  '944-APPLICATION-ATTACK-JAVA',
];

/** It finds and says so; what follows is decided by us. An expression has a limit of steps. */
const BEFORE = `
SecRuleEngine DetectionOnly
SecRequestBodyAccess On
SecRequestBodyLimit 131072
SecRequestBodyNoFilesLimit 131072
SecRequestBodyLimitAction ProcessPartial
SecPcreMatchLimit 100000
SecAuditEngine Off
SecDebugLogLevel 0
SecAction "id:9000,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON"
`;
/** Exceptions are declared for this level (`rules.ts`), whatever the setup of this machine says. */
const AFTER_SETUP =
  'SecAction "id:9001,phase:1,pass,nolog,setvar:tx.paranoia_level=1,setvar:tx.executing_paranoia_level=1"';

export interface CoreRules {
  readonly version: string;
  /** The lines of its log about one text, read as a value of a body or as the name of a program. */
  linesAbout(text: string, place: 'value' | 'user-agent'): string[];
}

/** Throws where the library, its binding or a file of rules cannot be loaded. */
export async function loadCoreRules(): Promise<CoreRules> {
  const { default: koffi } = await import('koffi');
  const library = koffi.load(LIBRARY);
  const any = 'void *';
  const listener = koffi.pointer(koffi.proto('void ValtronicsLog(void *, const char *)'));
  const init = library.func('msc_init', any, []);
  const whoAmI = library.func('msc_who_am_i', 'str', [any]);
  const listen = library.func('msc_set_log_cb', 'void', [any, listener]);
  const makeRules = library.func('msc_create_rules_set', any, []);
  const addFile = library.func('int msc_rules_add_file(void *, const char *, _Out_ const char **)');
  const add = library.func('int msc_rules_add(void *, const char *, _Out_ const char **)');
  const begin = library.func('msc_new_transaction', any, [any, any, any]);
  const connection = library.func('msc_process_connection', 'int', [any, 'str', 'int', 'str', 'int']);
  const uri = library.func('msc_process_uri', 'int', [any, 'str', 'str', 'str']);
  const bytes = 'const uint8_t *';
  const header = library.func('msc_add_n_request_header', 'int', [any, bytes, 'size_t', bytes, 'size_t']);
  const headers = library.func('msc_process_request_headers', 'int', [any]);
  const append = library.func('msc_append_request_body', 'int', [any, bytes, 'size_t']);
  const body = library.func('msc_process_request_body', 'int', [any]);
  const end = library.func('msc_transaction_cleanup', 'void', [any]);

  const engine = init();
  let lines: string[] = [];
  listen(
    engine,
    koffi.register((_: unknown, line: string) => lines.push(line), listener),
  );
  const rules = makeRules();
  const complaint: [string | null] = [null];
  const taken = (result: number): void => {
    if (result < 0) throw new Error(`rules were not taken: ${complaint[0]}`);
  };
  taken(add(rules, BEFORE, complaint));
  taken(addFile(rules, SETUP, complaint));
  taken(add(rules, AFTER_SETUP, complaint));
  for (const file of FILES) taken(addFile(rules, join(RULES, `REQUEST-${file}.conf`), complaint));

  function addHeader(transaction: unknown, name: string, value: string): void {
    const [nameBytes, valueBytes] = [Buffer.from(name), Buffer.from(value)];
    header(transaction, nameBytes, nameBytes.length, valueBytes, valueBytes.length);
  }

  return {
    version: String(whoAmI(engine)),
    linesAbout(text, place) {
      lines = [];
      const transaction = begin(engine, rules, null);
      try {
        connection(transaction, '127.0.0.1', 1, '127.0.0.1', 443);
        uri(transaction, '/', 'POST', '1.1');
        addHeader(transaction, 'host', 'localhost');
        if (place === 'user-agent') addHeader(transaction, 'user-agent', text);
        headers(transaction);
        const message = Buffer.from(JSON.stringify(place === 'value' ? { text } : {}));
        append(transaction, message, message.length);
        body(transaction);
      } finally {
        end(transaction);
      }
      return lines;
    },
  };
}
