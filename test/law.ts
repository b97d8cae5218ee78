/**
 * The law of imports, as data, and the check of one file against it. docs/adr/0001 says why.
 *
 * It reads text, not a syntax tree: comments and template strings are taken out, then every static, dynamic and type import is
 * found. An `import()` of something that is no literal cannot be followed and is refused for that.
 */
import { posix } from 'node:path';

export interface Package {
  /** `@lab/kernel`. */
  readonly name: string;
  /** `kernel`, `plugins/provider-process`. */
  readonly dir: string;
  /** What its package.json declares. */
  readonly dependencies: ReadonlySet<string>;
}

/** Who may import whom. `kernel/inventory`: only what is below that. `plugins`: every plugin, from compose.ts alone. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  sdk: [],
  kernel: ['sdk'],
  plugins: ['sdk'],
  api: ['sdk', 'kernel'],
  edge: ['sdk', 'kernel', 'api', 'plugins'],
  hub: ['sdk', 'kernel', 'api', 'plugins'],
  daemon: ['sdk', 'kernel', 'edge', 'hub'],
  cli: ['sdk', 'daemon', 'kernel/inventory'],
};

/** Each only where it is wrapped. */
export const ONLY_IN: Readonly<Record<string, string>> = {
  tsyringe: 'kernel/src/container.ts',
  'better-sqlite3': 'kernel/src/store/',
};

/** In these packages all durable writing goes through the disk port. */
export const WRITES_THROUGH_DISK: readonly string[] = ['kernel', 'edge', 'hub'];
const DISK = 'kernel/src/disk/';
/** Makes a checkout for a person to edit, which is no state of ours. */
const WRITES_A_CHECKOUT = 'kernel/src/inventory/scaffold.ts';
const READING = new Set(
  'access accessSync Dirent existsSync FSWatcher lstat lstatSync open opendir readdir readdirSync readFile readFileSync readlink realpath realpathSync stat statfs Stats statSync watch'.split(
    ' ',
  ),
);

interface Import {
  readonly from: string;
  /** What is between `import` and `from`. */
  readonly clause: string;
}

/** Every module that a text imports, types too; `undefined` for a dynamic import that cannot be followed. */
export function importsIn(text: string): {
  readonly found: readonly Import[];
  readonly blind: number;
  readonly using: boolean;
} {
  const code = text.replace(
    /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|`(?:[^`\\]|\\.)*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g,
    (_, quoted: string | undefined) => quoted ?? '``',
  );
  const found: Import[] = [];
  const statement = /\b(?:import|export)\b([^'"`;()]*?)\bfrom\s*(['"])([^'"\n]+)\2|\bimport\s*(['"])([^'"\n]+)\4/g;
  for (const match of code.matchAll(statement))
    found.push({ clause: match[1] ?? '', from: match[3] ?? match[5] ?? '' });
  // Node 22 cannot parse it, and type stripping leaves it as it is.
  const using = /\busing\s+[\w$]+\s*=/.test(code);
  let blind = 0;
  for (const match of code.matchAll(/\b(?:import|require)\s*\(\s*(?:(['"])([^'"\n]+)\1)?/g)) {
    if (match[2] === undefined) blind++;
    else found.push({ clause: '*', from: match[2] });
  }
  return { found, blind, using };
}

export function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || /(^|\/)testing\//.test(path);
}

/** What in this file is against the law. `path` from the root; `known` are all packages of the house. */
export function violations(
  path: string,
  text: string,
  known: readonly Package[],
  shared: ReadonlySet<string>,
): string[] {
  const own = known.find(({ dir }) => path.startsWith(`${dir}/`));
  const { found, blind, using } = importsIn(text);
  const wrong: string[] = [];
  if (using && !isTest(path)) wrong.push('has a `using` statement, which Node 22 cannot parse');
  if (blind > 0 && !isTest(path)) wrong.push('imports something that only a run can tell');
  for (const { from, clause } of found) {
    const problem = own === undefined ? misplaced(path, from) : against(path, from, clause, own, known, shared);
    if (problem !== undefined) wrong.push(`${problem}: ${from}`);
  }
  return wrong.map((what) => `${path}: ${what}`);
}

function against(
  path: string,
  from: string,
  clause: string,
  own: Package,
  known: readonly Package[],
  shared: ReadonlySet<string>,
): string | undefined {
  if (from.startsWith('.')) {
    const target = posix.join(posix.dirname(path), from);
    if (!target.startsWith(`${own.dir}/`)) return 'leaves its package by a relative path';
    return !isTest(path) && isTest(target) ? 'imports what is for tests' : undefined;
  }
  if (from.startsWith('node:')) return fileSystem(path, from, clause, own);
  const bare = from
    .split('/')
    .slice(0, from.startsWith('@') ? 2 : 1)
    .join('/');
  const other = known.find(({ name }) => name === bare);
  if (other !== undefined) return other === own ? undefined : crossing(path, from.slice(bare.length + 1), own, other);
  if (bare.startsWith('@lab/')) return 'is no package of the house';
  return misplaced(path, from) ?? undeclared(path, bare, own, shared);
}

function crossing(path: string, below: string, own: Package, other: Package): string | undefined {
  const forTests = below === 'testing' || below.startsWith('testing/');
  if (forTests) return isTest(path) && ['sdk', 'kernel'].includes(other.dir) ? undefined : 'imports what is for tests';
  const kind = (dir: string): string => dir.split('/')[0] ?? '';
  const allowed = MAY_IMPORT[kind(own.dir)] ?? [];
  if (kind(other.dir) === 'plugins' && allowed.includes('plugins'))
    return path === `${own.dir}/src/compose.ts` ? undefined : 'only compose.ts names a concrete plugin';
  const fits = allowed.some((may) => may === other.dir || `${other.dir}/${below}/`.startsWith(`${may}/`));
  return fits ? undefined : `${kind(own.dir)} may not import ${other.dir}`;
}

function fileSystem(path: string, from: string, clause: string, own: Package): string | undefined {
  if (!/^node:fs(\/promises)?$/.test(from) || !WRITES_THROUGH_DISK.includes(own.dir)) return undefined;
  if (isTest(path) || path.startsWith(DISK) || path === WRITES_A_CHECKOUT) return undefined;
  const names = /^\s*(?:type\s*)?\{([^}]*)\}\s*$/.exec(clause)?.[1]?.split(',');
  const read = names
    ?.map((name) =>
      name
        .replace(/^\s*type\s/, '')
        .replace(/\sas\s.*/, '')
        .trim(),
    )
    .filter(Boolean);
  if (read === undefined) return 'takes the whole file system, name what is read';
  const writing = read.filter((name) => !READING.has(name));
  return writing.length === 0 ? undefined : `writes past the disk port (${writing.join(', ')})`;
}

function misplaced(path: string, from: string): string | undefined {
  const place = ONLY_IN[from.split('/')[0] ?? ''];
  return place === undefined || path.startsWith(place) ? undefined : `only ${place} may import`;
}

function undeclared(path: string, bare: string, own: Package, shared: ReadonlySet<string>): string | undefined {
  if (own.dependencies.has(bare) || (isTest(path) && shared.has(bare))) return undefined;
  return `${own.dir}/package.json does not declare`;
}
