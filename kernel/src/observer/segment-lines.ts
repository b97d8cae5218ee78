/**
 * Bytes of a segment to lines, streamed: a line is never held whole past its bound, and what is no text becomes an unreadable
 * line instead of an error. Also the order of the numbers that lines carry, with what does not fit into it left out.
 */
import { isUtf8 } from 'node:buffer';

/** Longest line that is written or read, without its newline. */
export const MAX_LINE_BYTES = 1_000_000;
/** Stands for a line that is too long or not UTF-8. No line that is written is empty. */
export const UNREADABLE = '';

const NEWLINE = 10;

export interface Block {
  /** Where its first line begins in the file. */
  readonly offset: number;
  readonly lines: readonly string[];
}

/** Whole lines of a source that begins at byte `offset`, in blocks. A last line without newline counts as one. */
export async function* blocksOf(source: AsyncIterable<Uint8Array>, offset: number): AsyncGenerator<Block> {
  let start = offset;
  let rest: Buffer = Buffer.alloc(0);
  /** Bytes of a line that is too long, thrown away so far. */
  let skipped = 0;
  for await (const piece of source) {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    const end = bytes.lastIndexOf(NEWLINE);
    if (end < 0) {
      if (skipped === 0 && rest.length + bytes.length <= MAX_LINE_BYTES) rest = Buffer.concat([rest, bytes]);
      else {
        skipped += rest.length + bytes.length;
        rest = Buffer.alloc(0);
      }
      continue;
    }
    const lines: string[] = [];
    let from = 0;
    if (skipped > 0) {
      from = bytes.indexOf(NEWLINE) + 1;
      lines.push(UNREADABLE);
    }
    const whole = rest.length === 0 ? bytes.subarray(from, end) : Buffer.concat([rest, bytes.subarray(0, end)]);
    if (from <= end) for (const line of linesOf(whole)) lines.push(line);
    yield { offset: start, lines };
    start += skipped + rest.length + end + 1;
    skipped = 0;
    rest = bytes.subarray(end + 1);
  }
  if (skipped > 0) yield { offset: start, lines: [UNREADABLE] };
  else if (rest.length > 0) yield { offset: start, lines: linesOf(rest) };
}

/** Lines of a buffer that does not end with a newline. */
export function linesOf(bytes: Buffer): string[] {
  const lines = isUtf8(bytes) ? bytes.toString('utf8').split('\n') : splitBroken(bytes);
  return bytes.length <= MAX_LINE_BYTES
    ? lines
    : lines.map((line) =>
        line.length * 3 > MAX_LINE_BYTES && Buffer.byteLength(line) > MAX_LINE_BYTES ? UNREADABLE : line,
      );
}

function splitBroken(bytes: Buffer): string[] {
  const lines: string[] = [];
  for (let from = 0; from <= bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, from);
    const to = newline < 0 ? bytes.length : newline;
    const line = bytes.subarray(from, to);
    lines.push(isUtf8(line) ? line.toString('utf8') : UNREADABLE);
    from = to + 1;
  }
  return lines;
}

/**
 * Numbers go up by one. One that does not is either a damaged number or stands behind lines that are lost: the next line tells
 * which, so a line that jumps is held until then.
 */
export class Ascending<T> {
  #last: number;
  #held: { readonly number: number; readonly item: T } | undefined;
  readonly #good: (number: number, item: T) => void;
  readonly #bad: (item: T) => void;

  constructor(last: number, good: (number: number, item: T) => void, bad: (item: T) => void) {
    this.#last = last;
    this.#good = good;
    this.#bad = bad;
  }

  take(number: number | undefined, item: T): void {
    if (number === undefined) {
      this.#bad(item);
      return;
    }
    const held = this.#held;
    if (held !== undefined && number > this.#last) {
      this.#held = undefined;
      if (number > held.number) this.#accept(held.number, held.item);
      else this.#bad(held.item);
    }
    if (number === this.#last + 1) this.#accept(number, item);
    else if (number > this.#last) this.#held = { number, item };
    else this.#bad(item);
  }

  end(): void {
    if (this.#held !== undefined) this.#accept(this.#held.number, this.#held.item);
    this.#held = undefined;
  }

  #accept(number: number, item: T): void {
    this.#last = number;
    this.#good(number, item);
  }
}
