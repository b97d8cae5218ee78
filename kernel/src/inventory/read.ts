/**
 * Reads the files of a fleet from a directory, and refuses what would hurt: too large, not text, not a regular file, or a link
 * that leads out of the directory. What is refused is a problem with its place; nothing here throws for a content.
 */
import type { Dirent, Stats } from 'node:fs';
import { lstat, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { sha256 } from '@lab/sdk/canonical';
import { messageOf, systemCode } from '@lab/sdk/errors';
import type { BundleFile } from '@lab/sdk/model/bundle';
import type { Problems } from './problem.ts';

const MB = 1024 ** 2;
const LARGEST_FOLDER = 64 * MB;
const MOST_FILES = 5_000;
const DEEPEST = 32;
/** What editors and desktops leave behind. */
const LITTER = /^(\.git|\.DS_Store|Thumbs\.db|.*~|\.?#.*#?|\..*\.sw[a-p])$/;

export class FleetReader {
  readonly #root: string;
  readonly #real: string;
  readonly #problems: Problems;
  readonly #hashes = new Map<string, string>();

  private constructor(root: string, real: string, problems: Problems) {
    this.#root = root;
    this.#real = real;
    this.#problems = problems;
  }

  /** Undefined where there is no such directory: a problem says so. */
  static async open(dir: string, problems: Problems): Promise<FleetReader | undefined> {
    try {
      const real = await realpath(dir);
      if ((await stat(real)).isDirectory()) return new FleetReader(dir, real, problems);
      problems.error(top('.'), `${dir} is not a directory`);
    } catch (cause) {
      problems.error(
        top('.'),
        `there is no fleet at ${dir} (${systemCode(cause) ?? messageOf(cause)}); lab new writes one`,
      );
    }
    return undefined;
  }

  /** A hash over everything that was read: the same content has the same one. */
  get contentHash(): string {
    const sorted = [...this.#hashes].sort(([a], [b]) => (a < b ? -1 : 1));
    return sha256(JSON.stringify(sorted));
  }

  /** Names in a directory of the fleet, sorted; folders only where told. Nothing there is nothing. */
  async list(path: string, kind: 'directory' | 'any' = 'any'): Promise<readonly string[]> {
    const names: string[] = [];
    for (const entry of await this.#entries(path)) {
      if (LITTER.test(entry.name)) continue;
      const is = entry.isSymbolicLink() ? await this.#safeStat(`${path}/${entry.name}`) : entry;
      if (is !== undefined && (kind === 'any' || is.isDirectory())) names.push(entry.name);
    }
    return names;
  }

  /** The text of a file. `absent`: there is none. `refused`: a problem says why. */
  async text(path: string, limitBytes: number): Promise<{ readonly text: string } | 'absent' | 'refused'> {
    const bytes = await this.#bytes(path, limitBytes);
    if (bytes === 'absent' || bytes === 'refused') return bytes;
    if (bytes.includes(0)) return this.#refuse(path, 'this is a binary file, not YAML');
    try {
      return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
    } catch {
      return this.#refuse(path, 'this is not valid UTF-8');
    }
  }

  /** One file as part of a bundle, named `as` in it. */
  async file(path: string, as: string, limitBytes: number): Promise<BundleFile | 'absent' | 'refused'> {
    const bytes = await this.#bytes(path, limitBytes);
    if (bytes === 'absent' || bytes === 'refused') return bytes;
    const status = await stat(join(this.#root, path)).catch(() => undefined);
    const mode = ((status?.mode ?? 0) & 0o100) === 0 ? 0o644 : 0o755;
    return Object.freeze({ path: as, mode, sha256: sha256(bytes), content: Buffer.from(bytes).toString('base64') });
  }

  /** Every file below a directory, in order of path, or `refused`. */
  async folder(path: string, except: ReadonlySet<string>): Promise<readonly BundleFile[] | 'refused'> {
    const files: BundleFile[] = [];
    let left = LARGEST_FOLDER;
    const walk = async (below: string, depth: number): Promise<boolean> => {
      if (depth > DEEPEST)
        return this.#say(path, `folders nest deeper than ${DEEPEST} levels (or a link leads back into them)`);
      for (const name of await this.list(`${path}${below}`)) {
        const inner = below === '' ? name : `${below.slice(1)}/${name}`;
        if (except.has(inner)) continue;
        const status = await this.#safeStat(`${path}/${inner}`);
        if (status === undefined) return false;
        if (status.isDirectory()) {
          if (!(await walk(`/${inner}`, depth + 1))) return false;
          continue;
        }
        left -= status.size;
        if (left < 0)
          return this.#say(
            path,
            `the folder is larger than ${LARGEST_FOLDER / MB} MB, and every node that runs it would fetch it`,
          );
        if (files.length >= MOST_FILES) return this.#say(path, `the folder has more than ${MOST_FILES} files`);
        const file = await this.file(`${path}/${inner}`, inner, status.size + MB);
        if (file === 'refused' || file === 'absent') return false;
        files.push(file);
      }
      return true;
    };
    return (await walk('', 0)) ? Object.freeze(files) : 'refused';
  }

  async #entries(path: string): Promise<Dirent[]> {
    try {
      const entries = await readdir(join(this.#root, path), { withFileTypes: true });
      return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    } catch (cause) {
      const code = systemCode(cause);
      if (code !== 'ENOENT' && code !== 'ENOTDIR') this.#say(path, `it cannot be read: ${messageOf(cause)}`);
      return [];
    }
  }

  async #bytes(path: string, limitBytes: number): Promise<Uint8Array | 'absent' | 'refused'> {
    const full = join(this.#root, path);
    try {
      await lstat(full);
    } catch (cause) {
      const code = systemCode(cause);
      return code === 'ENOENT' || code === 'ENOTDIR'
        ? 'absent'
        : this.#refuse(path, `it cannot be read: ${messageOf(cause)}`);
    }
    const status = await this.#safeStat(path);
    if (status === undefined) return 'refused';
    // A pipe or a device could keep its reader waiting for ever.
    if (!status.isFile()) return this.#refuse(path, 'this is not a regular file');
    if (status.size > limitBytes) {
      return this.#refuse(path, `${(status.size / MB).toFixed(1)} MB is too large; at most ${limitBytes / MB} MB`);
    }
    try {
      const bytes = await readFile(full);
      this.#hashes.set(path, sha256(bytes));
      return bytes;
    } catch (cause) {
      return this.#refuse(path, `it cannot be read: ${messageOf(cause)}`);
    }
  }

  /** What is there, links followed; undefined (and a problem) where that leads out of the fleet or to nothing. */
  async #safeStat(path: string): Promise<Stats | undefined> {
    const full = join(this.#root, path);
    try {
      const real = await realpath(full);
      if (real !== this.#real && !real.startsWith(this.#real + sep)) {
        this.#say(path, 'this link leads out of the directory of the fleet');
        return undefined;
      }
      return await stat(real);
    } catch (cause) {
      this.#say(path, `it cannot be read: ${messageOf(cause)}`);
      return undefined;
    }
  }

  #refuse(path: string, message: string): 'refused' {
    this.#say(path, message);
    return 'refused';
  }

  #say(path: string, message: string): false {
    this.#problems.error(top(path), message);
    return false;
  }
}

function top(file: string): { file: string; line: number; column: number } {
  return { file, line: 1, column: 1 };
}
