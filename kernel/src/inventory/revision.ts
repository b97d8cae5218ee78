/**
 * The name of what was loaded, to show to people: the Git commit where these files are exactly that commit's, the commit and a
 * content hash where they differ from it, else `files-` and the content hash. Digests decide; this never does.
 */
import { execFile } from 'node:child_process';
import { lstat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

const DEADLINE_MS = 3_000;
const PATHS = ['lab.yaml', 'inventory', 'hosts', 'services'];

export async function revisionOf(dir: string, contentHash: string): Promise<string> {
  const content = contentHash.slice(0, 7);
  if (!(await isInWorkTree(dir))) return `files-${content}`;
  const commit = await git(dir, 'rev-parse', '--verify', '--short=7', 'HEAD');
  if (commit === undefined || !/^[0-9a-f]{7,40}$/.test(commit)) return `files-${content}`;
  // Files that Git ignores are read all the same, and so they count.
  const changed = await git(dir, 'status', '--porcelain', '--ignored', '--', ...PATHS);
  return changed === '' ? commit : `${commit}+${content}`;
}

/** Looked for by hand: where there is no .git, no process is spawned. */
async function isInWorkTree(dir: string): Promise<boolean> {
  for (let at = resolve(dir); ; at = dirname(at)) {
    const found = await lstat(join(at, '.git')).then(
      () => true,
      () => false,
    );
    if (found) return true;
    if (dirname(at) === at) return false;
  }
}

/** What it printed, or undefined where git is not there, fails or takes too long. */
function git(dir: string, ...args: string[]): Promise<string | undefined> {
  return new Promise((done) => {
    const env = { ...process.env, GIT_OPTIONAL_LOCKS: '0' };
    execFile('git', ['-C', dir, ...args], { timeout: DEADLINE_MS, env }, (error, stdout) => {
      done(error === null ? stdout.trim() : undefined);
    });
  });
}
