/** One request of an attack that does no harm: it asks for what is not there, or for what is refused. */
export interface Probe {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
}

export interface Attack {
  readonly title: string;
  /** What is done, for whoever watches. */
  readonly about: string;
  readonly probes: readonly Probe[];
}

const get = (path: string): Probe => ({ method: 'GET', path });
const search = (text: string): Probe => get(`/api/v1/devices?text=${encodeURIComponent(text)}`);
/** Of an account that there is not, so that nobody's is counted against. */
const guess = (password: string): Probe => ({
  method: 'POST',
  path: '/api/v1/auth/login',
  body: { email: 'nobody@lakeside.example', password },
});

// Most are names that no signature knows, so that the scan is found by how much is asked for.
const leftBehind =
  'backup.zip backup.tar.gz site.zip www.tar.gz old.tar old.zip users.csv passwords.txt notes.txt todo.txt server.key private.pem docker-compose.yml deploy.yml secrets.yml settings.ini export.csv customers.csv payroll.xlsx letters.docx archive.7z dump.gz backup-2025.zip keys.txt .env .git/config';

export const demoAttacks: readonly Attack[] = [
  {
    title: 'Scanning',
    about: 'what others forgot on their servers',
    probes: leftBehind.split(' ').map((name) => get(`/${name}`)),
  },
  {
    title: 'Injection',
    about: 'SQL, a script, a path, a command',
    probes: [
      search("pump' union select email, password_hash from users --"),
      search('<script>alert(document.cookie)</script>'),
      search('../../../../etc/passwd'),
      search('; cat /etc/passwd | sh'),
    ],
  },
  {
    title: 'Guessing',
    about: 'passwords of an account that there is not',
    probes: [
      'summer of 2026',
      'winter of 2026',
      'lakeside hospital',
      'letmein letmein',
      'qwerty qwerty',
      'one more',
    ].map(guess),
  },
];
