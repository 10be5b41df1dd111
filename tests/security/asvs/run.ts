import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bindings, root } from './bindings.ts';
import { judge, readEvidence } from './evidence.ts';
import { runPart, runPartOf, terminalTable, wholePage } from './page.ts';
import { readOutcomes } from './test-report.ts';

// `npm run asvs`: prints the report and writes docs/asvs.md. Exits with 1 when it has no run to report on, not when something is not met.
//   --run        runs the tests that name a requirement first
//   --bindings   renews only the part of the page that needs no run

const PAGE = join(root, 'docs/asvs.md');
const REPORT = join(root, '.test-report/vitest.json');
const COMMIT = join(root, '.test-report/commit');
const REMEDY = 'Run `npm test`, or `npm run asvs -- --run` for the tests that name a requirement.';

const evidence = readEvidence();
const page = existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : '';

if (process.argv.includes('--bindings')) {
  writePage(runPartOf(page));
} else {
  if (process.argv.includes('--run')) runBoundTests(evidence.bindings);
  const commit = commitOfReport();
  const judged = judge(evidence, readOutcomes(readFileSync(REPORT, 'utf8')));
  console.log(terminalTable(judged));
  writePage(runPart(judged, commit));
}

function writePage(ofRun: string): void {
  writeFileSync(PAGE, wholePage(ofRun, judge(evidence), evidence));
}

function runBoundTests(bindings: Bindings): void {
  const files = [...new Set([...bindings.values()].flat())].sort();
  // A test that fails is for the report to tell; a run that wrote no report is noticed below.
  spawnSync('bash', ['tests/run', ...files], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, TEST_REPORT: 'yes' },
  });
}

/** The commit of the tree whose tests were run; stops the program with the remedy where there is none, or another. */
function commitOfReport(): string {
  if (!existsSync(REPORT) || !existsSync(COMMIT)) fail('There is no report of a test run.');
  const tested = readFileSync(COMMIT, 'utf8').trim();
  const here = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim();
  if (tested !== here) fail(`The last test run was of commit ${tested.slice(0, 12)}; this is ${here.slice(0, 12)}.`);
  return tested;
}

function fail(message: string): never {
  console.error(`${message} ${REMEDY}`);
  process.exit(1);
}
