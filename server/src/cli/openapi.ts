// Writes docs/openapi.json from the contract; with --check it only tells whether the file is what the contract says.
import { readFileSync, writeFileSync } from 'node:fs';
import { openApi } from '../features/operations/openapi.ts';

const file = new URL('../../../docs/openapi.json', import.meta.url);
const wanted = `${JSON.stringify(openApi(), null, 2)}\n`;
if (!process.argv.includes('--check')) {
  writeFileSync(file, wanted);
} else if (readFileSync(file, 'utf8') !== wanted) {
  console.error('docs/openapi.json is not what the contract says: run "npm run openapi" and look at the difference');
  process.exitCode = 1;
}
