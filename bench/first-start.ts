/**
 * The first start as a newcomer has it: a clean clone of what is committed, an empty npm cache, the system's own Node, `./lab up` until
 * `ready`. Needs the network, git and npm.
 *
 * What was fetched is what npm keeps in that cache: the packages as they came, compressed, without the cost of TLS and headers.
 * Beside it `npm ci` alone, of the same lockfile with another empty cache.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { HOME, Machine } from '../test/e2e/machine.ts';
import { up, wall } from './launcher.ts';
import { type BenchResult, cost } from './result.ts';

const MB = 1_000_000;
const LONGEST_MS = 600_000;

export async function firstStart(): Promise<BenchResult[]> {
  const machine = await Machine.make();
  try {
    const [ours, baseline] = [join(machine.dir, 'clone'), join(machine.dir, 'alone')];
    for (const clone of [ours, baseline]) execFileSync('git', ['clone', '--quiet', '--no-hardlinks', HOME, clone]);
    const env = newcomer(machine, join(machine.dir, 'cache'));
    const first = await up(join(ours, 'lab'), env, LONGEST_MS);
    await first.stop();
    const fetched = await bytesOf(join(machine.dir, 'cache/_cacache/content-v2'));
    const aloneMs = await npmAlone(baseline, newcomer(machine, join(machine.dir, 'cache-alone')));
    const fetchedAlone = await bytesOf(join(machine.dir, 'cache-alone/_cacache/content-v2'));
    const toolchain = existsSync(join(ours, 'toolchain/node/node_modules'));
    const note = `${toolchain ? 'Node itself fetched too, the one on PATH is too old' : 'the Node on PATH is new enough'}; beside npm ci of the same lockfile alone`;
    return [
      cost(
        'first lab up to ready, clean clone, empty cache',
        's',
        { ours: first.readyMs / 1_000, baseline: aloneMs / 1_000 },
        { note },
      ),
      cost('fetched by it', 'MB', { ours: fetched / MB, baseline: fetchedAlone / MB }),
    ];
  } finally {
    await machine.cleanup();
  }
}

/** A person who has nothing of ours: no checkout's tools on PATH, no cache; their npm settings are kept. */
function newcomer(machine: Machine, cache: string): NodeJS.ProcessEnv {
  const { LAB_ROOT, LAB_PORT } = machine.env();
  const paths = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((path) => !path.startsWith(HOME) && !path.includes('node_modules'));
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      !/^(LAB_|NODE_(?!EXTRA_CA_CERTS)|npm_(lifecycle|package|node_execpath|execpath|command|config_local_prefix))/.test(
        name,
      ),
  );
  return { ...Object.fromEntries(kept), PATH: paths.join(delimiter), LAB_ROOT, LAB_PORT, npm_config_cache: cache };
}

function npmAlone(clone: string, env: NodeJS.ProcessEnv): Promise<number> {
  const flags = [
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--omit=dev',
    '--engine-strict=false',
    '--loglevel=error',
  ];
  return wall('npm', ['ci', '--prefix', clone, ...flags], env);
}

async function bytesOf(dir: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) sum += (await stat(join(entry.parentPath, entry.name))).size;
  return sum;
}
