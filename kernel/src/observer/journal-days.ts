/** The files of the journal: a folder a day of receipt, and what a line of it looks like. */
import { join } from 'node:path';
import type { JournalEvent, Log } from '@lab/sdk';
import type { Disk } from '../disk/disk.ts';
import type { Quarantine } from './quarantine.ts';
import type { LineForm } from './segment-tail.ts';
import { SegmentLog } from './segments.ts';

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const SEGMENT_BYTES = 64 * 1024 * 1024;
const PREFIX = '{"ord":';
const RECEIVED = '"receivedAt":"';

/** `{"ord":12,"receivedAt":"…",` and the sender's line without its brace. One write has one time of receipt. */
const FORM: LineForm = {
  numberOf: (line) => {
    if (!line.startsWith(PREFIX)) return undefined;
    const end = line.indexOf(',', PREFIX.length);
    const ord = end < 0 ? Number.NaN : Number(line.slice(PREFIX.length, end));
    return Number.isSafeInteger(ord) && ord > 0 ? ord : undefined;
  },
  isWhole: (line, ord) => parsed(line)?.ord === ord,
  groupOf: (line) => receivedAtOf(line),
};

export interface JournalLine {
  readonly event: JournalEvent;
  /** As its sender wrote it. */
  readonly line: string;
}

export class JournalDays {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #log: Log;
  readonly #segments: SegmentLog;
  #day: string;

  private constructor(disk: Disk, dir: string, log: Log, segments: SegmentLog, day: string) {
    this.#disk = disk;
    this.#dir = dir;
    this.#log = log;
    this.#segments = segments;
    this.#day = day;
  }

  static async open(args: {
    readonly disk: Disk;
    readonly dir: string;
    readonly log: Log;
    readonly quarantine: Quarantine;
    readonly segmentBytes?: number;
  }): Promise<JournalDays> {
    const { disk, dir, log, quarantine } = args;
    const days = (await disk.list(dir)).filter((name) => DAY.test(name));
    const segments = await SegmentLog.open({
      disk,
      log,
      quarantine,
      // Before the first write there is no day: the name is never made into a folder.
      folders: days.length === 0 ? [dir] : days.map((day) => join(dir, day)),
      form: FORM,
      segmentBytes: args.segmentBytes ?? SEGMENT_BYTES,
    });
    return new JournalDays(disk, dir, log, segments, days.at(-1) ?? '');
  }

  get first(): number {
    return this.#segments.first;
  }

  get last(): number {
    return this.#segments.last;
  }

  /** The day of receipt; the last one there is where the clock went back. */
  async write(lines: readonly string[], receivedAt: string): Promise<void> {
    const day = receivedAt.slice(0, 10);
    if (day > this.#day) this.#day = day;
    await this.#segments.write(lines, join(this.#dir, this.#day));
  }

  async *read(fromOrd: number): AsyncGenerator<JournalLine[]> {
    for await (const block of this.#segments.scan(Math.max(1, fromOrd))) {
      const lines: JournalLine[] = [];
      for (const { number, line } of block) {
        const event = parsed(line);
        if (event === undefined) this.#log.warn('a damaged line was left out', { ord: number });
        else lines.push({ event, line: senderLineOf(line) });
      }
      if (lines.length > 0) yield lines;
    }
  }

  async senderLine(ord: number): Promise<string | undefined> {
    const line = await this.#segments.line(ord);
    return line === undefined ? undefined : senderLineOf(line);
  }

  /** Of the newest line; empty where there is none. */
  async lastReceivedAt(): Promise<string> {
    const line = await this.#segments.line(this.last);
    return line === undefined ? '' : (receivedAtOf(line) ?? '');
  }

  async prune(before: string, covered: number): Promise<number> {
    let removed = 0;
    for (;;) {
      const [oldest, second] = this.#segments.segments;
      if (oldest === undefined || second === undefined) break;
      if (oldest.folder >= join(this.#dir, before) || second.first - 1 > covered) break;
      await this.#segments.dropOldest();
      if (second.folder !== oldest.folder) await this.#disk.remove(oldest.folder);
      removed++;
    }
    return removed;
  }

  close(): Promise<void> {
    return this.#segments.close();
  }
}

function receivedAtOf(line: string): string | undefined {
  const start = line.indexOf(RECEIVED);
  const end = start < 0 ? -1 : line.indexOf('"', start + RECEIVED.length);
  return end < 0 ? undefined : line.slice(start + RECEIVED.length, end);
}

/** Behind `"receivedAt":"…",`. */
function senderLineOf(line: string): string {
  const start = line.indexOf(RECEIVED) + RECEIVED.length;
  return `{${line.slice(line.indexOf('"', start) + 2)}`;
}

function parsed(line: string): JournalEvent | undefined {
  try {
    const event: unknown = JSON.parse(line);
    return event !== null && typeof event === 'object' && 'receivedAt' in event && 'seq' in event
      ? (event as JournalEvent)
      : undefined;
  } catch {
    return undefined;
  }
}
