/**
 * A node's own events: one stream a class, `<class>/<first seq>.jsonl` below its folder, and `log.json` with the log's id and epoch.
 *
 * INVARIANTS: `append` resolves once the event is synced, and events of one class stand in the order of the calls; seq goes up by one
 * and is read from the stream's tail; the epoch is on disk before its first event. What the hub acknowledged is only a hint
 * here: the hub's welcome is the authority. Over the budget the oldest acknowledged segments go, nothing else. On a full disk control
 * is written into room that was kept for it.
 *
 * A new log is made whole in `next/` before it takes the place of the old one; a start finishes what was cut off.
 */
import { dirname, join } from 'node:path';
import {
  type Clock,
  EVENT_CLASSES,
  type EventClass,
  eventId,
  type Fact,
  instant,
  LabError,
  type LabEvent,
  type Log,
  messageOf,
  sha256,
} from '@lab/sdk';
import type { Disk } from '../disk/disk.ts';
import type { StreamTail } from '../link/link.ts';
import { AckedHint } from './edge-log-acked.ts';
import { classDir, finishRenewal, type Identity, identify, lineForm, prepareRenewal } from './edge-log-identity.ts';
import { Reserve } from './edge-log-reserve.ts';
import { type CheckedFact, checkFact, placed } from './fact-check.ts';
import { GroupCommit, type Outcome } from './group-commit.ts';
import { Quarantine } from './quarantine.ts';
import type { EventRegistry } from './registry.ts';
import { SegmentLog } from './segments.ts';

export interface EdgeLogOptions {
  readonly disk: Disk;
  /** `edge/log`. */
  readonly dir: string;
  readonly node: string;
  readonly clock: Clock;
  readonly registry: EventRegistry;
  /** 12 characters of 0-9a-z. */
  readonly randomId: () => string;
  readonly log: Log;
  /** `edge/quarantine` beside the log unless told. */
  readonly quarantine?: Quarantine;
  /** Acknowledged segments beyond this are removed. */
  readonly budgetBytes?: number;
  readonly segmentBytes?: number;
  /** Kept free for control on a full disk. */
  readonly reserveBytes?: number;
}

export interface Appended {
  readonly id: string;
  readonly seq: number;
}

type Listener = (events: readonly LabEvent[]) => void;

interface Stream {
  readonly segments: SegmentLog;
  readonly commits: GroupCommit<CheckedFact, Appended>;
}

const BUDGET_BYTES = 256 * 1024 * 1024;
const SEGMENT_BYTES = 4 * 1024 * 1024;
const RESERVE_BYTES = 256 * 1024;

export class EdgeLog {
  readonly #options: EdgeLogOptions;
  readonly #quarantine: Quarantine;
  readonly #listeners = new Set<Listener>();
  readonly #streams = new Map<EventClass, Stream>();
  readonly #reserve: Reserve;
  #identity: Identity;
  #acked: AckedHint;

  private constructor(options: EdgeLogOptions, quarantine: Quarantine, identity: Identity, acked: AckedHint) {
    this.#options = options;
    this.#quarantine = quarantine;
    this.#reserve = new Reserve(
      options.disk,
      join(options.dir, 'reserve'),
      options.reserveBytes ?? RESERVE_BYTES,
      options.clock,
    );
    this.#identity = identity;
    this.#acked = acked;
  }

  static async open(options: EdgeLogOptions): Promise<EdgeLog> {
    const { disk, dir, clock, log } = options;
    const quarantine =
      options.quarantine ?? new Quarantine({ disk, dir: join(dirname(dir), 'quarantine'), clock, log });
    await finishRenewal(disk, dir);
    const identity = await identify({ disk, dir, quarantine, randomId: options.randomId });
    const edgeLog = new EdgeLog(options, quarantine, identity, await AckedHint.open(disk, dir, clock, identity.log));
    await edgeLog.#openStreams();
    await edgeLog.#reserve.fill();
    return edgeLog;
  }

  get log(): string {
    return this.#identity.log;
  }

  /** How often the daemon started on this log. */
  get epoch(): number {
    return this.#identity.epoch;
  }

  /** Rejects with `invalid` a fact that its type does not allow, and with `disk` what could not be made durable: it is not said then. */
  append(fact: Fact): Promise<Appended> {
    try {
      const checked = checkFact(this.#options.registry, fact, 'node');
      return this.#stream(checked.class).commits.add(checked);
    } catch (cause) {
      return Promise.reject(cause);
    }
  }

  tail(cls: EventClass): StreamTail {
    const { first, last } = this.#stream(cls).segments;
    return { first, last, ...this.#acked.of(cls) };
  }

  /** Lines from a seq on without a gap, up to `maxBytes` or at least one; of a damaged one what is left of it. */
  read(cls: EventClass, fromSeq: number, maxBytes: number): Promise<string[]> {
    return this.#stream(cls).segments.read(fromSeq, maxBytes);
  }

  /** The hub has everything up to here, on its disk; its word counts, also where it goes back. */
  async acked(cls: EventClass, seq: number): Promise<void> {
    const { segments } = this.#stream(cls);
    if (seq > segments.last) {
      throw new LabError('conflict', `the hub has ${cls} events up to ${seq}, this log ends at ${segments.last}`, {
        at: this.log,
        hint: 'begin a new log',
      });
    }
    if (seq === this.#acked.of(cls).acked) return;
    const [line] = seq >= segments.first ? await segments.read(seq, 1) : [];
    this.#acked.set(cls, seq, line === undefined ? null : sha256(line));
    await this.#prune();
    await this.#reserve.fill();
  }

  /** SHA-256 of the line of that seq; null where it is not on disk. */
  async hashAt(cls: EventClass, seq: number): Promise<string | null> {
    const { segments } = this.#stream(cls);
    if (seq < segments.first || seq > segments.last) return null;
    const [line] = await segments.read(seq, 1);
    return line === undefined ? null : sha256(line);
  }

  /** Begins a new log: a new id, seq from 1; what the hub had not acknowledged comes first in it. Appends wait meanwhile. */
  renew(): Promise<void> {
    return this.#alone([...EVENT_CLASSES], async () => {
      const { disk, dir } = this.#options;
      const next: Identity = { log: this.#options.randomId(), epoch: this.epoch };
      await prepareRenewal(disk, dir, next, (cls) => this.#carried(cls, next));
      for (const { segments } of this.#streams.values()) await segments.close();
      await finishRenewal(disk, dir);
      this.#identity = next;
      await this.#acked.close();
      this.#acked = await AckedHint.open(disk, dir, this.#options.clock, next.log);
      await this.#openSegments();
    });
  }

  /** Called after the sync, in order within a class. */
  onAppend(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Everything of a class from a seq on that is on disk and whole. */
  async *events(cls: EventClass, fromSeq = 1): AsyncGenerator<LabEvent> {
    for await (const block of this.#stream(cls).segments.scan(fromSeq)) {
      for (const { line } of block) {
        const event = parsed(line);
        if (event !== undefined) yield event;
      }
    }
  }

  /** All classes, one after the other: they commute. */
  async *readAll(): AsyncGenerator<LabEvent> {
    for (const cls of EVENT_CLASSES) yield* this.events(cls);
  }

  async close(): Promise<void> {
    for (const { commits, segments } of this.#streams.values()) {
      await commits.idle();
      await segments.close();
    }
    await this.#acked.close();
  }

  #stream(cls: EventClass): Stream {
    const stream = this.#streams.get(cls);
    if (stream === undefined) throw new LabError('invalid', `no class of events is called ${cls}`, { at: cls });
    return stream;
  }

  async #openStreams(): Promise<void> {
    const commitsOf = (cls: EventClass) =>
      new GroupCommit<CheckedFact, Appended>({
        commit: (facts) => this.#commit(cls, facts),
        sizeOf: (fact) => fact.data.length + 256,
      });
    await this.#openSegments(commitsOf);
  }

  async #openSegments(commitsOf = (cls: EventClass) => this.#stream(cls).commits): Promise<void> {
    const { disk, dir, log, segmentBytes } = this.#options;
    for (const cls of EVENT_CLASSES) {
      const segments = await SegmentLog.open({
        disk,
        log,
        quarantine: this.#quarantine,
        folders: [classDir(dir, cls)],
        form: lineForm(this.log, cls),
        segmentBytes: segmentBytes ?? SEGMENT_BYTES,
      });
      if (this.#acked.of(cls).acked > segments.last) this.#acked.set(cls, segments.last, null);
      this.#streams.set(cls, { segments, commits: commitsOf(cls) });
    }
  }

  async #commit(cls: EventClass, facts: readonly CheckedFact[]): Promise<Outcome<Appended>[]> {
    const { segments } = this.#stream(cls);
    const { node, clock, log } = this.#options;
    const place = { node, log: this.log, epoch: this.epoch, at: instant(clock.now()) };
    const first = segments.last + 1;
    const written = facts.map((fact, index) => placed(fact, { ...place, seq: first + index }));
    const lines = written.map(({ line }) => line);
    await (cls === 'control' ? this.#reserve.spend(() => segments.write(lines)) : segments.write(lines));
    const events = written.map(({ event }) => event);
    for (const listener of this.#listeners) {
      try {
        listener(events);
      } catch (cause) {
        log.error('a listener of the log failed', { class: cls, error: messageOf(cause) });
      }
    }
    return events.map(({ id, seq }) => ({ value: { id, seq } }));
  }

  async *#carried(cls: EventClass, next: Identity): AsyncGenerator<string> {
    let seq = 0;
    for await (const event of this.events(cls, this.#acked.of(cls).acked + 1)) {
      seq++;
      yield JSON.stringify({ ...event, id: eventId(next.log, cls, seq), log: next.log, seq });
    }
  }

  /** Nothing is appended to these classes while `work` runs. */
  #alone<T>([cls, ...rest]: EventClass[], work: () => Promise<T>): Promise<T> {
    return cls === undefined ? work() : this.#stream(cls).commits.exclusive(() => this.#alone(rest, work));
  }

  async #prune(): Promise<void> {
    const budget = this.#options.budgetBytes ?? BUDGET_BYTES;
    for (;;) {
      let bytes = 0;
      let oldest: { readonly segments: SegmentLog; readonly bytes: number } | undefined;
      for (const [cls, { segments }] of this.#streams) {
        bytes += segments.bytes;
        const second = segments.segments[1];
        const acknowledged = second !== undefined && second.first - 1 <= this.#acked.of(cls).acked;
        // Of the streams that can give something, the largest does: it is the one that fills the disk.
        if (acknowledged && (oldest === undefined || segments.bytes > oldest.bytes)) {
          oldest = { segments, bytes: segments.bytes };
        }
      }
      if (bytes <= budget || oldest === undefined) return;
      await oldest.segments.dropOldest();
    }
  }
}

function parsed(line: string): LabEvent | undefined {
  try {
    return JSON.parse(line) as LabEvent;
  } catch {
    return undefined;
  }
}
