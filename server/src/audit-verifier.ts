#!/usr/bin/env node
// Verifies an exported audit log, or the proof of one event, from the public key alone. It needs no installation: this file and what it imports
// below lib/ run with nothing but Node.
//
//   node server/src/audit-verifier.ts FOLDER [--key KEY] [--checkpoint FILE]… [--json]
//   node server/src/audit-verifier.ts PROOF.tlog-proof --key KEY [--json]
import { readFileSync, statSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readKeyFile } from './lib/transparency/log-folder.ts';
import { parseVerifier } from './lib/transparency/signed-note.ts';
import { isGood, verdictDocument, verdictText } from './lib/transparency/verdict-text.ts';
import { trustedCheckpoints, verifyFolder, verifyProof } from './lib/transparency/verify-offline.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    key: { type: 'string', multiple: true },
    checkpoint: { type: 'string', multiple: true },
    json: { type: 'boolean' },
  },
});
const [path] = positionals;
if (path === undefined || positionals.length !== 1) {
  console.error('usage: audit-verifier FOLDER|PROOF [--key KEY]… [--checkpoint FILE]… [--json]');
  process.exit(2);
}
try {
  const isFolder = statSync(path).isDirectory();
  const given = values.key ?? [];
  const own = isFolder && given.length === 0 ? readKeyFile(path) : undefined;
  const keyFrom = own === undefined ? 'given' : 'export';
  const keys = [...given, ...(own === undefined ? [] : [own])].map(parseVerifier);
  if (isFolder) {
    const verdicts = await verifyFolder(path, keys, trustedCheckpoints(values.checkpoint ?? [], keys, console.error));
    console.log(
      values.json ? JSON.stringify(verdictDocument(verdicts, keyFrom), null, 2) : verdictText(verdicts, keyFrom),
    );
    process.exitCode = isGood(verdicts) ? 0 : 1;
  } else {
    console.log(JSON.stringify(verifyProof(readFileSync(path, 'utf8'), keys), null, 2));
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
