/** The files of a log: which there are, and places in them from which reading can begin. */
import { join } from 'node:path';
import type { Log } from '@lab/sdk';
import type { Disk } from '../disk/disk.ts';

export interface Segment {
  readonly folder: string;
  readonly path: string;
  readonly first: number;
  bytes: number;
  /** Places where a line of known number begins, ascending, so that reading need not start at the beginning. */
  readonly marks: { readonly number: number; readonly offset: number }[];
}

const NAME = /^([1-9]\d{0,15})\.jsonl$/;
const MARK_BYTES = 64 * 1024;

/** All segments of some folders, by number. */
export async function findSegments(options: {
  readonly disk: Disk;
  readonly log: Log;
  readonly folders: readonly string[];
}): Promise<Segment[]> {
  const found = new Map<number, Segment>();
  for (const folder of options.folders) {
    for (const name of await options.disk.list(folder)) {
      const first = Number(NAME.exec(name)?.[1]);
      if (!Number.isSafeInteger(first)) continue;
      const path = join(folder, name);
      const stat = await options.disk.stat(path);
      if (stat === undefined || stat.directory) continue;
      const other = found.get(first);
      if (other !== undefined && other.bytes > 0) {
        options.log.warn('two segments of one number: the first is read', { read: other.path, left: path });
        continue;
      }
      found.set(first, { folder, path, first, bytes: stat.size, marks: [] });
    }
  }
  return [...found.values()].sort((a, b) => a.first - b.first);
}

/** The last place that is known to be not after a number. */
export function startOf(segment: Segment, from: number): { readonly number: number; readonly offset: number } {
  let low = 0;
  let high = segment.marks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((segment.marks[middle]?.number ?? 0) <= from) low = middle + 1;
    else high = middle;
  }
  return segment.marks[low - 1] ?? { number: segment.first, offset: 0 };
}

/** Marks are kept in order and at a distance: a segment of 8 MB has at most 128. */
export function mark(segment: Segment, number: number, offset: number): void {
  const last = segment.marks.at(-1);
  if (offset - (last?.offset ?? 0) < MARK_BYTES || number <= (last?.number ?? segment.first)) return;
  segment.marks.push({ number, offset });
}

/** The first so many bytes. */
export async function* bounded(source: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array> {
  let left = bytes;
  for await (const piece of source) {
    if (piece.length >= left) {
      yield piece.subarray(0, left);
      return;
    }
    left -= piece.length;
    yield piece;
  }
}
