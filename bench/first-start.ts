/**
 * The first start as a newcomer has it: a clean clone of what is committed, an empty npm cache, the system's own Node, `./lab up` until
 * `ready`. Needs the network, git and npm.
 *
 * What was fetched is what npm keeps in that cache, without the cost of TLS and headers: packages as they came, and what the registry
 * says of each package, which npm keeps inflated and which is counted as gzip makes it again.
 * Beside it `npm ci` alone, of the same lockfile with another empty cache.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { gzipSync } from 'node:zlib';
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
    const fetched = await fetchedInto(join(machine.dir, 'cache'));
    const aloneMs = await npmAlone(baseline, newcomer(machine, join(machine.dir, 'cache-alone')));
    const fetchedAlone = await fetchedInto(join(machine.dir, 'cache-alone'));
    const toolchain = existsSync(join(ours, 'toolchain/node/node_modules'));
    const note = `${toolchain ? 'Node itself fetched too, the one on PATH is too old' : 'the Node on PATH is new enough'}; beside npm ci of the same lockfile alone`;
    return [
      cost(
        'first lab up to ready, clean clone, empty cache',
        's',
        { ours: first.readyMs / 1_000, baseline: aloneMs / 1_000 },
        { note },
      ),
      cost('fetched by it: packages', 'MB', { ours: fetched.packages / MB, baseline: fetchedAlone.packages / MB }),
      cost('fetched by it: what the registry says of them', 'MB', {
        ours: fetched.metadata / MB,
        baseline: fetchedAlone.metadata / MB,
      }),
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

interface Fetched {
  readonly packages: number;
  readonly metadata: number;
}

async function fetchedInto(cache: string): Promise<Fetched> {
  const content = join(cache, '_cacache/content-v2');
  let packages = 0;
  let metadata = 0;
  for (const entry of await readdir(content, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const bytes = await readFile(join(entry.parentPath, entry.name));
    if (bytes[0] === 0x1f && bytes[1] === 0x8b) packages += bytes.length;
    else metadata += gzipSync(bytes).length;
  }
  return { packages, metadata };
}
