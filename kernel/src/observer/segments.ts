/**
 * An append-only file of numbered lines, cut into segments `<first number>.jsonl` in one folder, or in several by age (days).
 *
 * INVARIANTS: what `write` resolved is durable; what it rejected is cut off before anything else is written; a number is never
 * used twice while its line is there; opening never refuses: what is torn at the end goes to quarantine, what is damaged in the
 * middle is left out when reading and disturbs no other line. One `write` at a time: `GroupCommit` sees to that.
 */
import { join } from 'node:path';
import { LabError, type Log } from '@lab/sdk';
import type { AppendFile, Disk } from '../disk/disk.ts';
import type { Quarantine } from './quarantine.ts';
import { bounded, findSegments, mark, type Segment, startOf } from './segment-files.ts';
import { Ascending, type Block, blocksOf } from './segment-lines.ts';
import { type LineForm, soundTail } from './segment-tail.ts';

export interface SegmentOptions {
  readonly disk: Disk;
  readonly log: Log;
  readonly quarantine: Quarantine;
  /** Folders that may hold segments, oldest first; the last one is written to until `write` names another. Never empty. */
  readonly folders: readonly string[];
  readonly form: LineForm;
  readonly segmentBytes?: number;
}

export interface Numbered {
  readonly number: number;
  readonly line: string;
}

type OnDamaged = (found: Numbered[], line: string, path: string) => void;

/** Stands for the number of a line that has none. */
const DAMAGED = 0;

export class SegmentLog {
  readonly #disk: Disk;
  readonly #log: Log;
  readonly #form: LineForm;
  readonly #segmentBytes: number;
  readonly #segments: Segment[];
  #folder: string;
  #file: AppendFile | undefined;
  #last: number;
  /** A write failed: the file is cut back to what is durable before the next. */
  #ragged = false;

  private constructor(options: SegmentOptions, segments: Segment[], folder: string, last: number) {
    this.#disk = options.disk;
    this.#log = options.log;
    this.#form = options.form;
    this.#segmentBytes = options.segmentBytes ?? 8 * 1024 * 1024;
    this.#segments = segments;
    this.#folder = folder;
    this.#last = last;
  }

  static async open(options: SegmentOptions): Promise<SegmentLog> {
    const segments = await findSegments(options);
    const folder = options.folders.at(-1);
    if (folder === undefined) throw new LabError('internal', 'a log without a folder');
    const tail = segments.at(-1);
    let last = 0;
    if (tail !== undefined) {
      const sound = await soundTail(options.disk, tail.path, tail.first, options.form);
      if (sound.end < tail.bytes) {
        await options.quarantine.put(
          `${tail.first}.torn`,
          sound.torn,
          `the end of ${tail.path} is torn: ${sound.reason}`,
        );
        await options.disk.truncate(tail.path, sound.end);
        tail.bytes = sound.end;
      }
      last = sound.last;
    }
    const log = new SegmentLog(options, segments, tail?.folder ?? folder, last);
    if (tail !== undefined) await log.#syncTail(tail);
    return log;
  }

  /** The first number still there; last + 1 where there is none. */
  get first(): number {
    return this.#segments[0]?.first ?? this.#last + 1;
  }

  get last(): number {
    return this.#last;
  }

  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** Oldest first. The last one is written to. */
  get segments(): readonly Readonly<Segment>[] {
    return this.#segments;
  }

  /** Appends lines that carry last + 1, last + 2 … and syncs. A `folder` that is not the present one begins a new segment there. */
  async write(lines: readonly string[], folder = this.#folder): Promise<void> {
    if (lines.length === 0) return;
    await this.#repair();
    const { file, segment } = await this.#writable(folder);
    const offset = segment.bytes;
    try {
      await file.append(`${lines.join('\n')}\n`);
      await file.sync();
    } catch (cause) {
      this.#ragged = true;
      await this.#repair().catch(() => undefined);
      throw cause;
    }
    mark(segment, this.#last + 1, offset);
    segment.bytes = file.size;
    this.#last += lines.length;
  }

  /** Lines from number `from`, in blocks; damaged ones are left out and reported. What is written meanwhile may or may not come. */
  scan(from: number): AsyncGenerator<Numbered[]> {
    return this.#scan(from, (_found, line, path) => {
      this.#log.warn('a damaged line was left out', { path, bytes: line.length });
    });
  }

  /**
   * Lines from number `from` without a gap, up to `maxBytes` or at least one. Where a line is lost or damaged stands what is left of
   * it, or `{"lost":n}`: the reader sees that it is no event, and goes on.
   */
  async read(from: number, maxBytes: number): Promise<string[]> {
    const lines: string[] = [];
    let bytes = 0;
    let damaged: string[] = [];
    const upTo = this.#last;
    const take = (line: string): boolean => {
      if (lines.length > 0 && bytes + line.length > maxBytes) return false;
      lines.push(line);
      bytes += line.length;
      return true;
    };
    /** Up to and without `number`. */
    const fill = (number: number): boolean => {
      const pieces = damaged.slice(Math.min(0, from + lines.length - number));
      damaged = [];
      while (from + lines.length < number) {
        if (!take(pieces.shift() || `{"lost":${from + lines.length}}`)) return false;
      }
      return true;
    };
    const keepDamaged: OnDamaged = (found, line) => void found.push({ number: DAMAGED, line });
    for await (const block of this.#scan(from, keepDamaged)) {
      for (const { number, line } of block) {
        if (number === DAMAGED) damaged.push(line);
        else if (number > upTo || !fill(number) || !take(line)) return lines;
      }
    }
    fill(upTo + 1);
    return lines;
  }

  /** The line of that number, where it is there and whole. */
  async line(number: number): Promise<string | undefined> {
    for await (const block of this.#scan(number, () => undefined)) {
      const first = block[0];
      return first?.number === number ? first.line : undefined;
    }
    return undefined;
  }

  /** Removes the oldest segment. The one that is written to stays. Resolves with whether there was one to remove. */
  async dropOldest(): Promise<boolean> {
    const [oldest] = this.#segments;
    if (oldest === undefined || this.#segments.length < 2) return false;
    await this.#disk.remove(oldest.path);
    this.#segments.shift();
    return true;
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  async *#scan(from: number, onDamaged: OnDamaged): AsyncGenerator<Numbered[]> {
    for (const [index, segment] of [...this.#segments].entries()) {
      const next = this.#segments[index + 1]?.first ?? this.#last + 1;
      if (next <= from) continue;
      let found: Numbered[] = [];
      const start = startOf(segment, from);
      const ascending = new Ascending<string>(
        start.number - 1,
        (number, line) => {
          if (number >= from) found.push({ number, line });
        },
        (line) => onDamaged(found, line, segment.path),
      );
      for await (const block of this.#blocks(segment, start.offset)) {
        this.#markBlock(segment, block);
        for (const line of block.lines) ascending.take(this.#form.numberOf(line), line);
        if (found.length > 0) yield found;
        found = [];
      }
      ascending.end();
      if (found.length > 0) yield found;
    }
  }

  async *#blocks(segment: Segment, offset: number): AsyncGenerator<Block> {
    const end = segment.bytes;
    if (offset < end) yield* blocksOf(bounded(this.#disk.stream(segment.path, offset), end - offset), offset);
  }

  #markBlock(segment: Segment, block: Block): void {
    const number = this.#form.numberOf(block.lines[0] ?? '');
    // A number that is damaged must not become a place to start from: it is one only between its neighbours.
    const before = startOf(segment, number ?? 0);
    if (number !== undefined && number > before.number && number <= this.#last && block.offset > before.offset) {
      mark(segment, number, block.offset);
    }
  }

  async #writable(folder: string): Promise<{ file: AppendFile; segment: Segment }> {
    const tail = this.#segments.at(-1);
    if (tail !== undefined && tail.folder === folder && tail.bytes < this.#segmentBytes) {
      this.#file ??= await this.#disk.append(tail.path);
      return { file: this.#file, segment: tail };
    }
    await this.close();
    const path = join(folder, `${this.#last + 1}.jsonl`);
    const file = await this.#disk.append(path);
    if (tail?.path === path) {
      this.#file = file;
      return { file, segment: tail };
    }
    if (file.size > 0) await this.#disk.truncate(path, 0);
    // Opened after the cut, so that its size is the real one.
    await file.close();
    this.#file = await this.#disk.append(path);
    const segment: Segment = { folder, path, first: this.#last + 1, bytes: 0, marks: [] };
    if (tail !== undefined && tail.first === segment.first) {
      await this.#disk.remove(tail.path);
      this.#segments.pop();
    }
    this.#segments.push(segment);
    this.#folder = folder;
    return { file: this.#file, segment };
  }

  async #repair(): Promise<void> {
    const tail = this.#segments.at(-1);
    if (!this.#ragged || tail === undefined) return;
    await this.close().catch(() => undefined);
    this.#file = undefined;
    await this.#disk.truncate(tail.path, tail.bytes);
    this.#ragged = false;
  }

  /** What a process that was killed had written may be in the cache only: it is durable before anything builds on it. */
  async #syncTail(tail: Segment): Promise<void> {
    this.#file = await this.#disk.append(tail.path);
    await this.#file.sync();
  }
}
