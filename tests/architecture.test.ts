import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

// The rules of ARCHITECTURE.md, read off the source. Each failure names the rule, the file and the line.

const root = fileURLToPath(new URL('..', import.meta.url));
const SKIPPED = new Set(['node_modules', 'dist', '.git', 'samples']);

function sourcesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : sourcesBelow(path);
    return /\.tsx?$/.test(entry.name) ? [path] : [];
  });
}
const isTest = (path: string): boolean => /\.test\.tsx?$|\.builders\.ts$/.test(path);

interface Import {
  from: string;
  to: string;
  typeOnly: boolean;
}

function importsOf(path: string): Import[] {
  const text = readFileSync(join(root, path), 'utf8');
  return [...text.matchAll(/^(?:import|export)\s+(type\s)?[^'";]*?from\s+'([^']+)'|^import\s+'([^']+)'/gm)].flatMap(
    ([, typeOnly, named, bare]) => {
      const target = named ?? bare ?? '';
      const to = target.startsWith('.') ? relative(root, resolve(root, dirname(path), target)) : target;
      return [{ from: path, to, typeOnly: typeOnly !== undefined }];
    },
  );
}

const server = sourcesBelow('server/src').filter((path) => !isTest(path));
const web = sourcesBelow('web/src').filter((path) => !isTest(path));
const contract = sourcesBelow('contract/src');
const simulator = sourcesBelow('simulator/src').filter((path) => !isTest(path));

/** Each layer imports itself and what stands left of it. */
const layers = ['lib', 'platform', 'security', 'features'] as const;
function layerOf(path: string): number {
  const folder = /^server\/src\/([^/]+)\//.exec(path)?.[1];
  const index = layers.indexOf(folder as (typeof layers)[number]);
  return index < 0 && path.startsWith('server/src/') ? layers.length : index;
}
const featureOf = (path: string): string | undefined => /^server\/src\/features\/([^/]+)\//.exec(path)?.[1];

function linesWith(paths: readonly string[], pattern: RegExp): string[] {
  return paths.flatMap((path) =>
    readFileSync(join(root, path), 'utf8')
      .split('\n')
      .flatMap((line, index) =>
        pattern.test(line) && !/^\s*(\/\/|\*|\/\*)/.test(line) ? [`${path}:${index + 1}`] : [],
      ),
  );
}

describe('import rule', () => {
  it('contract imports nothing of ours', () => {
    const foreign = contract
      .flatMap(importsOf)
      .filter(({ to }) => to.startsWith('server/') || to.startsWith('@valtronics/'));
    expect(foreign).toEqual([]);
  });

  it('lib ← platform ← security ← features ← app: each imports only leftwards', () => {
    const upwards = server
      .flatMap(importsOf)
      .filter(({ from, to }) => layerOf(to) > layerOf(from) && layerOf(from) >= 0 && to.startsWith('server/'));
    expect(upwards).toEqual([]);
  });

  it('features never import each other, except for types', () => {
    const across = server
      .flatMap(importsOf)
      .filter(
        ({ from, to, typeOnly }) => featureOf(from) && featureOf(to) && featureOf(from) !== featureOf(to) && !typeOnly,
      );
    expect(across).toEqual([]);
  });

  it('from outside a feature its index is imported, or what the wiring hands to another feature', () => {
    const handed = new Set([
      'server/src/features/telemetry/recorded-history.ts',
      'server/src/features/operations/openapi.ts',
    ]);
    const inside = server
      .flatMap(importsOf)
      .filter(
        ({ from, to, typeOnly }) =>
          !featureOf(from) && featureOf(to) && !to.endsWith('/index.ts') && !handed.has(to) && !typeOnly,
      );
    expect(inside).toEqual([]);
  });

  it('inside a feature routes → service → repository, never back', () => {
    const rank = (path: string): number =>
      /\.repository\.ts$/.test(path) ? 0 : /\.service\.ts$/.test(path) ? 1 : /\.routes\.ts$/.test(path) ? 2 : -1;
    const back = server
      .flatMap(importsOf)
      .filter(({ from, to, typeOnly }) => featureOf(from) && rank(from) >= 0 && rank(to) > rank(from) && !typeOnly);
    expect(back).toEqual([]);
  });

  it('web: ui ← api, live ← identity ← layouts ← pages ← routes, plus the contract, never the server', () => {
    const order = ['ui', 'api', 'identity', 'layouts', 'pages'];
    const rank = (path: string): number => {
      const folder = /^web\/src\/([^/]+)\//.exec(path)?.[1] ?? '';
      return order.indexOf(folder === 'live' ? 'api' : folder);
    };
    const imports = web.flatMap(importsOf);
    expect(imports.filter(({ to }) => to.includes('server/') || to.startsWith('@valtronics/server'))).toEqual([]);
    expect(imports.filter(({ from, to }) => rank(from) >= 0 && rank(to) > rank(from))).toEqual([]);
  });

  it('web: whatever of Mantine is used brings its styles', () => {
    const styles = join(root, 'node_modules/@mantine/core/styles');
    const brought = new Set(
      web
        .flatMap((path) => [...readFileSync(join(root, path), 'utf8').matchAll(/core\/styles\/(\w+)\.layer\.css/g)])
        .map(([, name]) => name),
    );
    const used = web.flatMap((path) =>
      [...readFileSync(join(root, path), 'utf8').matchAll(/import \{([^}]+)\} from '@mantine\/core'/g)].flatMap(
        ([, names = '']) => names.split(',').map((name) => name.trim()),
      ),
    );
    expect(used).toContain('Button');
    const missing = new Set(used.filter((name) => existsSync(join(styles, `${name}.layer.css`)) && !brought.has(name)));
    expect([...missing]).toEqual([]);
  });

  it('the simulator knows the contract only', () => {
    expect(
      simulator.flatMap(importsOf).filter(({ to }) => to.startsWith('server/') || to.startsWith('@valtronics/server')),
    ).toEqual([]);
  });
});

describe('one place for each thing', () => {
  it('only platform/config reads the environment', () => {
    const allowed = /^server\/src\/platform\/config\//;
    expect(
      linesWith(
        server.filter((path) => !allowed.test(path)),
        /process\.env/,
      ),
    ).toEqual([]);
    expect(linesWith([...web, ...contract], /process\.env/)).toEqual([]);
  });

  it('only repositories, platform/db and security/audit hold SQL', () => {
    const allowed = /\.repository\.ts$|^server\/src\/(platform\/db|security\/audit)\//;
    expect(
      linesWith(
        server.filter((path) => !allowed.test(path)),
        /\bsql(<[^`]*>)?`|\.query\(\s*['"`]/,
      ),
    ).toEqual([]);
  });

  it('only security/crypto uses ciphers', () => {
    const others = server.filter((path) => !path.startsWith('server/src/security/crypto/'));
    expect(linesWith(others, /createCipheriv|createDecipheriv|createSign\b|generateKeyPair|hkdfSync|argon2\(/)).toEqual(
      [],
    );
  });

  it('only security/gate adds routes', () => {
    const others = server.filter((path) => !path.startsWith('server/src/security/gate/'));
    expect(linesWith(others, /\bapp\.(get|post|put|patch|delete|route)\(/)).toEqual([]);
  });

  it('only the gate opens an audited transaction', () => {
    const allowed = /^server\/src\/security\/(gate|audit)\//;
    expect(
      linesWith(
        server.filter((path) => !allowed.test(path)),
        /transactions\.audited\(/,
      ),
    ).toEqual([]);
  });
});

describe('shape', () => {
  it('no file is longer than 300 lines', () => {
    const long = [...server, ...web, ...contract, ...simulator]
      .map((path) => ({ path, lines: readFileSync(join(root, path), 'utf8').split('\n').length }))
      .filter(({ lines }) => lines > 300);
    expect(long).toEqual([]);
  });

  it('no focused or skipped test, no ignored type error, no any', () => {
    const all = [
      ...sourcesBelow('server/src'),
      ...sourcesBelow('web/src'),
      ...contract,
      ...sourcesBelow('simulator/src'),
      ...sourcesBelow('tests'),
    ].filter((path) => path !== 'tests/architecture.test.ts');
    expect(linesWith(all, /\b(it|test|describe)\.(only|todo)\(|@ts-(ignore|expect-error)|\bas any\b/)).toEqual([]);
  });
});
