/**
 * Measures beside baselines of the same run: `npm run bench -- [NAME…] [--full] [--quick] [--json FILE]`.
 *
 * A table goes to stdout; the figures go to bench/results/<date>.json, and to FILE. It ends with 1 where a bench failed; a promise
 * that was not kept is said and is no failure, because another machine may be busy or slow.
 */
import { fork } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { arch, cpus, loadavg, release } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { BENCHES, ONLY_FULL } from './benches.ts';
import type { BenchResult } from './result.ts';
import { costs, kept, table } from './table.ts';

/** A design is wrong where it costs more than so many times its baseline; docs/benchmarks.md explains the exceptions. */
const LOOK_INTO = 20;

const { values: asked, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    full: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
const unknown = positionals.filter((name) => !Object.hasOwn(BENCHES, name));
if (unknown.length > 0) {
  process.stderr.write(`there is no bench ${unknown.join(', ')}; there are ${Object.keys(BENCHES).join(' ')}\n`);
  process.exit(2);
}
const names =
  positionals.length > 0 ? positionals : Object.keys(BENCHES).filter((name) => asked.full || !ONLY_FULL.has(name));

const at = new Date().toISOString();
const results: (BenchResult & { readonly bench: string })[] = [];
const failed: string[] = [];
for (const name of names) {
  const loadBefore = loadavg()[0] ?? 0;
  process.stderr.write(`${name} ... (load ${loadBefore.toFixed(1)})\n`);
  try {
    const own = await measured(name);
    results.push(...own.map((result) => ({ bench: name, loadBefore, ...result })));
    process.stdout.write(`\n${name}\n${table(own)}\n`);
  } catch (cause) {
    failed.push(name);
    process.stderr.write(`${name}: ${cause instanceof Error ? cause.message : String(cause)}\n`);
  }
}

const machine = {
  cpus: cpus().length,
  cpu: cpus()[0]?.model ?? '',
  arch: arch(),
  kernel: release(),
  node: process.version,
};
const text = `${JSON.stringify({ at, quick: asked.quick, machine, results, failed }, null, 2)}\n`;
const file = join(import.meta.dirname, 'results', `${at.replaceAll(':', '-')}.json`);
for (const path of [file, ...(asked.json === undefined ? [] : [asked.json])]) {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}
const broken = results.filter((result) => kept(result) === false).map(({ name }) => name);
process.stdout.write(
  broken.length > 0 ? `not kept: ${broken.join(', ')}\n` : 'every promise that was measured is kept\n',
);
const dear = results.filter((result) => (costs(result) ?? 0) > LOOK_INTO).map(({ name }) => name);
if (dear.length > 0) process.stdout.write(`more than ${LOOK_INTO} times its baseline: ${dear.join(', ')}\n`);
process.stdout.write(`${file}\n`);
process.exitCode = failed.length > 0 ? 1 : 0;

function measured(name: string): Promise<BenchResult[]> {
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, 'one.ts'), [name, ...(asked.quick ? ['--quick'] : [])]);
    let told: BenchResult[] | undefined;
    child.on('message', (message) => {
      told = message as BenchResult[];
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0 && told !== undefined) resolve(told);
      else reject(new Error(`ended with ${code}, see above`));
    });
  });
}
