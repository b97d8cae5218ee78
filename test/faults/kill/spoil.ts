/** Ways to spoil a file, and where to look for the words that were said about it. */
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, open, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Dice } from './dice.ts';

const dice = new Dice(1970);

export const KINDS = {
  'cut off': async (path) => truncate(path, Math.floor((await stat(path)).size / 2)),
  binary: (path) => writeFile(path, dice.bytes(3_000)),
  empty: (path) => truncate(path, 0),
  'of another form': (path) =>
    writeFile(path, '{"v":99,"id":"../../../etc/passwd","at":"1970-01-01T00:00:00Z","nodes":[[]]}\n'),
} as const satisfies Record<string, (path: string) => Promise<void>>;
export type Kind = keyof typeof KINDS;

/** Puts bytes, or what comes of text, where a file was, its folders too. */
export async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

export async function folderInstead(path: string): Promise<void> {
  await rm(path, { force: true, recursive: true });
  await mkdir(path, { recursive: true });
}

/** One line, without its end, of so many bytes. */
export async function longLine(path: string, bytes: number, flags: 'w' | 'a' = 'w'): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, flags);
  const piece = Buffer.alloc(1024 * 1024, 'x');
  for (let left = bytes; left > 0; left -= piece.length)
    await file.write(piece.subarray(0, Math.min(left, piece.length)));
  await file.close();
}

/** Files below a root, by patterns. */
export function matching(root: string, patterns: readonly string[]): string[] {
  return patterns.flatMap((pattern) => globSync(pattern, { cwd: root })).sort();
}

/** Every reason that lies in a quarantine, and every warning and error of the log, from a byte of it on. */
export function words(root: string, from: number): string {
  const reasons = globSync('{.,nodes/*}/{quarantine,edge/quarantine}', { cwd: root })
    .map((dir) => join(root, dir))
    .flatMap((dir) =>
      readdirSync(dir)
        .filter((name) => name.endsWith('.reason'))
        .map((name) => `${name} ${readFileSync(join(dir, name), 'utf8')}`),
    );
  const log = readFileSync(join(root, 'logs/lab.log')).subarray(from).toString();
  return [...reasons, ...log.split('\n').filter((line) => /"level":"(warn|error)"/.test(line))].join('\n');
}

export function logEnd(root: string): number {
  const path = join(root, 'logs/lab.log');
  return existsSync(path) ? readFileSync(path).length : 0;
}
