/**
 * `lab test [--servers] [arguments of vitest]`: types, format and lint, then every test; the last line is `N passed, N failed`, checks
 * counted too. With `--servers` the Debian packages of debian-packages.txt are installed first, and then, as under CI=true,
 * nothing may be skipped.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packagesIn } from './debian-packages.ts';
import { tally } from './tally.ts';

const root = join(import.meta.dirname, '..');
const say = (line: string): void => void process.stdout.write(`${line}\n`);

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): number | null {
  const { status, error } = spawnSync(command, [...args], { cwd: root, stdio: 'inherit', env });
  if (error !== undefined) say(`${command}: ${error.message}`);
  return status;
}

function tool(name: string): string {
  return join(root, 'node_modules', '.bin', name);
}

/** Undefined when everything is there, else why it is not. */
function installServers(): string | undefined {
  const wanted = packagesIn(readFileSync(join(root, 'test', 'debian-packages.txt'), 'utf8'));
  const missing = wanted.filter((name) => {
    const asked = spawnSync('dpkg-query', ['-s', name], { encoding: 'utf8' });
    return asked.status !== 0 || !asked.stdout.includes('Status: install ok installed');
  });
  if (missing.length === 0) return undefined;
  const list = missing.join(' ');
  if (process.getuid?.() !== 0) return `--servers installs ${list}, which needs root: sudo apt-get install ${list}`;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  say(`installing ${list}`);
  const install = ['install', '-y', '-q', '--no-install-recommends', ...missing];
  if (run('apt-get', ['update', '-q'], env) === 0 && run('apt-get', install, env) === 0) return undefined;
  return `apt-get could not install ${list}`;
}

const args = process.argv.slice(2);
const servers = args.includes('--servers');
const rest = args.filter((arg) => arg !== '--servers');
const strict = servers || process.env.CI === 'true';
let passed = 0;
let failed = 0;
const check = (what: string, fine: boolean): void => {
  if (fine) passed++;
  else failed++;
  say(`${fine ? 'ok' : 'FAILED'}: ${what}`);
};

if (servers) {
  const problem = installServers();
  check(problem ?? 'the servers that the tests use are installed', problem === undefined);
}
check('tsc -b', run(tool('tsc'), ['-b']) === 0);
check('biome ci', run(tool('biome'), ['ci', '.']) === 0);

const dir = mkdtempSync(join(tmpdir(), 'lab-test-'));
try {
  const report = join(dir, 'report.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const env = servers ? { ...process.env, LAB_SERVERS: '1' } : process.env;
  const exitCode = run(tool('vitest'), ['run', ...reporters, ...rest], env);
  const count = tally(readOrUndefined(report), exitCode, strict);
  for (const note of count.notes) say(note);
  passed += count.passed;
  failed += count.failed;
} finally {
  rmSync(dir, { recursive: true, force: true });
}
process.exitCode = failed === 0 ? 0 : 1;
say(`${passed} passed, ${failed} failed`);

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
