/** What a change of digests changes, file by file, as a unified diff: the preview of a redeploy. */
import type { Bundle, BundleFile, Definition, FileChange } from '@lab/sdk';
import { createTwoFilesPatch } from 'diff';

const DIFF_LIMIT_BYTES = 64 * 1024;
const CONTEXT_LINES = 1;

/** `from` undefined: nothing ran before. The rendered definition counts as a file of its own. */
export function previewOf(from: Bundle | undefined, to: Bundle | undefined): FileChange[] {
  const before = new Map((from?.files ?? []).map((file) => [file.path, file]));
  const after = new Map((to?.files ?? []).map((file) => [file.path, file]));
  const changes: FileChange[] = [];
  for (const path of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    const change = fileChange(path, before.get(path), after.get(path));
    if (change !== undefined) changes.push(change);
  }
  const definition = definitionChange(from?.definition, to?.definition);
  return definition === undefined ? changes : [...changes, definition];
}

function fileChange(
  path: string,
  before: BundleFile | undefined,
  after: BundleFile | undefined,
): FileChange | undefined {
  if (before === undefined && after === undefined) return undefined;
  if (before === undefined) return { path, kind: 'add' };
  if (after === undefined) return { path, kind: 'remove' };
  if (before.sha256 === after.sha256 && before.mode === after.mode) return undefined;
  const texts = [textOf(before), textOf(after)];
  if (before.sha256 === after.sha256)
    return { path, kind: 'change', diff: `mode ${before.mode.toString(8)} → ${after.mode.toString(8)}` };
  const [old, young] = texts;
  return old === undefined || young === undefined
    ? { path, kind: 'change' }
    : { path, kind: 'change', diff: diffOf(old, young) };
}

function definitionChange(before: Definition | undefined, after: Definition | undefined): FileChange | undefined {
  if (before === undefined || after === undefined) return undefined;
  const [old, young] = [linesOf(before), linesOf(after)];
  return old === young ? undefined : { path: 'service definition', kind: 'change', diff: diffOf(old, young) };
}

/** One line a value, so that a diff of it reads: `env.TZ: Europe/Warsaw`. */
function linesOf(value: unknown, path = ''): string {
  if (value === null || typeof value !== 'object') return `${path}: ${String(value)}\n`;
  const members = Array.isArray(value)
    ? value.map((member, index) => [String(index), member] as const)
    : Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return members.map(([key, member]) => linesOf(member, path === '' ? key : `${path}.${key}`)).join('');
}

/** Only the lines that matter: the removed, the added, and one of context. */
function diffOf(before: string, after: string): string {
  const patch = createTwoFilesPatch('a', 'b', before, after, undefined, undefined, { context: CONTEXT_LINES });
  const lines = patch.split('\n').filter((line) => /^[-+ @]/.test(line) && !/^(---|\+\+\+) [ab]/.test(line));
  return lines.filter((line) => !line.startsWith('@@')).join('\n');
}

function textOf(file: BundleFile): string | undefined {
  const bytes = Buffer.from(file.content, 'base64');
  if (bytes.length > DIFF_LIMIT_BYTES || bytes.includes(0)) return undefined;
  return bytes.toString('utf8');
}
