/** Where the sound part of a segment ends, found from its end backwards. */
import type { Disk } from '../disk/disk.ts';
import { linesOf } from './segment-lines.ts';

/** What the lines of a log look like. */
export interface LineForm {
  /** The number that a line carries, from its first bytes alone. */
  readonly numberOf: (line: string) => number | undefined;
  /** Whether it is whole: costs a parse. */
  readonly isWhole: (line: string, number: number) => boolean;
  /**
   * What lines of one write have in common. A write that was cut off may lie on the disk with holes, and only the last write can be
   * such a one; where a log must not have holes in it, it is cut at the first.
   */
  readonly groupOf?: (line: string) => string | undefined;
}

export interface Tail {
  /** Byte after the last sound line. */
  readonly end: number;
  /** Its number; first - 1 where there is none. */
  readonly last: number;
  /** What lies behind it. */
  readonly torn: Uint8Array;
  readonly reason: string;
}

const WINDOW_BYTES = 2 * 1024 * 1024;

export async function soundTail(disk: Disk, path: string, first: number, form: LineForm): Promise<Tail> {
  const size = (await disk.stat(path))?.size ?? 0;
  for (let window = WINDOW_BYTES; ; window *= 8) {
    const start = Math.max(0, size - window);
    const bytes = await whole(disk, path, start);
    const tail = look(bytes, start, first, form);
    if (start === 0) return tail ?? { end: 0, last: first - 1, torn: bytes, reason: 'it has no whole line' };
    if (tail !== undefined) return tail;
  }
}

interface Line {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly number: number | undefined;
}

/** Undefined where the window shows too little. */
function look(bytes: Buffer, start: number, first: number, form: LineForm): Tail | undefined {
  let sound: Line | undefined;
  let group: string | undefined;
  let holes = false;
  for (const line of backwards(bytes, form)) {
    if (start > 0 && line.start === 0) return undefined;
    const good = line.number !== undefined && line.number >= first;
    if (!good) {
      // Behind a sound line of the last write: the hole, and so everything after it, is cut off.
      holes ||= sound !== undefined;
      sound = undefined;
      continue;
    }
    const own = form.groupOf?.(line.text);
    group ??= own;
    sound ??= line;
    if (own === undefined || own !== group) break;
  }
  if (sound === undefined) return undefined;
  const higher = highest(bytes.subarray(0, sound.end), form);
  if (higher !== undefined && higher.number > (sound.number ?? 0)) {
    const reason = 'lines stand there again that stood before';
    return { end: start + higher.end, last: higher.number, torn: bytes.subarray(higher.end), reason };
  }
  const reason = holes ? 'the last write has a hole' : 'a line is not whole';
  return { end: start + sound.end, last: sound.number ?? first - 1, torn: bytes.subarray(sound.end), reason };
}

/**
 * The highest number that continues the line before it. The last line is not always the one: where somebody put lines there again, a
 * count that went on from them would give out numbers that are taken.
 */
function highest(bytes: Buffer, form: LineForm): { readonly number: number; readonly end: number } | undefined {
  let found: { readonly number: number; readonly end: number; readonly text: string } | undefined;
  let before: number | undefined;
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(10, from) + 1 || bytes.length;
    const text = linesOf(bytes.subarray(from, end - 1))[0] ?? '';
    const number = form.numberOf(text);
    if (number !== undefined && number - 1 === before && number > (found?.number ?? 0)) found = { number, end, text };
    before = number ?? before;
    from = end;
  }
  return found !== undefined && form.isWhole(found.text, found.number) ? found : undefined;
}

/** From the last line to the first; the offsets are those of the window, the newline is part of the line. */
function* backwards(bytes: Buffer, form: LineForm): Generator<Line> {
  let end = bytes.lastIndexOf(10) + 1;
  while (end > 0) {
    const start = end === 1 ? 0 : bytes.lastIndexOf(10, end - 2) + 1;
    const text = linesOf(bytes.subarray(start, end - 1))[0] ?? '';
    const number = form.numberOf(text);
    yield { text, start, end, number: number !== undefined && form.isWhole(text, number) ? number : undefined };
    end = start;
  }
}

async function whole(disk: Disk, path: string, from: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of disk.stream(path, from)) pieces.push(piece);
  return Buffer.concat(pieces);
}
