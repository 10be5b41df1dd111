import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Endpoint, endpoints } from '@valtronics/contract';
import { expect, it } from 'vitest';
import { root } from './bindings.ts';

// What holds for all of the source or all of the contract, so that a new line cannot break it unnoticed.

const sources = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .sort()
    .filter((path) => /\.tsx?$/.test(path) && !/\.test\.tsx?$/.test(path))
    .map((path) => `${folder}/${path}`);
const filesWith = (folders: readonly string[], pattern: RegExp): string[] =>
  folders.flatMap(sources).filter((path) => pattern.test(readFileSync(join(root, path), 'utf8')));

it('[ASVS 1.2.5] nothing that serves requests starts a program', () => {
  expect(filesWith(['server/src', 'contract/src'], /node:child_process/)).toEqual([
    // What the commands of `backup` do, as children that serve nothing.
    'server/src/backup-process.ts',
    'server/src/build-web.ts',
    'server/src/cli/demo/fleet-process.ts',
    'server/src/cli/dev.ts',
    // `valtronics firewall`, which starts the helper below it and serves nothing.
    'server/src/cli/firewall.ts',
    // A process of its own, which the server only talks to.
    'server/src/firewall-helper/nft.ts',
    'server/src/platform/db/embedded-cluster.ts',
    'server/src/platform/db/embedded-process.ts',
    'server/src/platform/db/process-table.ts',
    'server/src/platform/db/run-migrations.ts',
    // The second engine of inspection, a process of its own that is only talked to.
    'server/src/security/inspection/core-rules/core-rules.ts',
  ]);
});

it('[ASVS 1.3.2] no text is run as a program, and none is written into a page as markup', () => {
  const dynamic = /\beval\(|new Function\(|node:vm|dangerouslySetInnerHTML|\.innerHTML\b|\.outerHTML\b|document\.write/;
  expect(filesWith(['server/src', 'contract/src', 'web/src', 'simulator/src'], dynamic)).toEqual([]);
});

it('[ASVS 3.5.3] what is asked with GET changes nothing but the session, and that only where a provider sends people back', () => {
  const recorded = (Object.entries(endpoints) as [string, Endpoint][])
    .filter(([, { method, audit }]) => method === 'GET' && audit.kind === 'records')
    .map(([name]) => name);
  // The first is claimed by a cookie and a single-use state; the others record that somebody looked at a person.
  expect(recorded).toEqual(['oidcCallback', 'subjectsList', 'subjectGet', 'deviceAssignmentsList']);
});
