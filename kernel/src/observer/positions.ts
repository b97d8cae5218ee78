/**
 * How far each stream (sender's raw name, log, class) is in the journal, and the hash of its last line there.
 *
 * INVARIANTS: what is here is durable in the journal: a commit stages its moves and applies them after the sync. Replaying the
 * journal gives the same table; `hash` is null where the last seq is no line in it (quarantined, dropped).
 */
import { hash } from 'node:crypto';
import type { EventClass } from '@lab/sdk';

export interface Position {
  readonly node: string;
  readonly log: string;
  readonly class: EventClass;
  readonly seq: number;
  readonly hash: string | null;
  /** Ranges beyond `seq` that the sender said are dropped. */
  readonly dropped?: readonly Range[];
}

export interface Range {
  readonly from: number;
  readonly to: number;
}

interface Stream {
  readonly node: string;
  readonly log: string;
  readonly class: EventClass;
  seq: number;
  hash: string | null;
  dropped: readonly Range[];
}

/** Of a stream, while a commit is made. */
interface Staged {
  seq: number;
  /** The last line; undefined: it has none. */
  line: string | undefined;
  dropped: readonly Range[];
}

export class Positions {
  /** By log: it is random, so almost always one node's, with a stream a class. */
  readonly #logs = new Map<string, Stream[]>();

  constructor(positions: Iterable<Position> = []) {
    for (const { node, log, class: cls, seq, hash: last, dropped } of positions) {
      Object.assign(this.#stream(node, log, cls), { seq, hash: last, dropped: dropped ?? [] });
    }
  }

  get(node: string, log: string, cls: EventClass): Position | undefined {
    const stream = this.#find(node, log, cls);
    return stream === undefined || isNew(stream) ? undefined : plain(stream);
  }

  /** In a fixed order. */
  all(): Position[] {
    const all: Position[] = [];
    for (const streams of this.#logs.values())
      for (const stream of streams) if (!isNew(stream)) all.push(plain(stream));
    return all.sort((a, b) => compare(a.node, b.node) || compare(a.log, b.log) || compare(a.class, b.class));
  }

  stage(): StagedPositions {
    return new StagedPositions((node, log, cls) => this.#stream(node, log, cls));
  }

  #find(node: string, log: string, cls: EventClass): Stream | undefined {
    for (const stream of this.#logs.get(log) ?? []) if (stream.class === cls && stream.node === node) return stream;
    return undefined;
  }

  #stream(node: string, log: string, cls: EventClass): Stream {
    const found = this.#find(node, log, cls);
    if (found !== undefined) return found;
    const stream: Stream = { node, log, class: cls, seq: 0, hash: null, dropped: [] };
    const streams = this.#logs.get(log);
    if (streams === undefined) this.#logs.set(log, [stream]);
    else streams.push(stream);
    return stream;
  }
}

/** Moves that are not durable yet. */
export class StagedPositions {
  readonly #streamOf: (node: string, log: string, cls: EventClass) => Stream;
  readonly #staged = new Map<Stream, Staged>();
  #latest: { readonly stream: Stream; readonly staged: Staged } | undefined;

  constructor(streamOf: (node: string, log: string, cls: EventClass) => Stream) {
    this.#streamOf = streamOf;
  }

  seq(node: string, log: string, cls: EventClass): number {
    return this.#of(node, log, cls).seq;
  }

  /** A line of the stream; on replay it may be one that the position has passed (by a range that was said before it). */
  move(node: string, log: string, cls: EventClass, seq: number, line: string | undefined): void {
    const staged = this.#of(node, log, cls);
    if (seq < staged.seq) return;
    staged.seq = seq;
    staged.line = line;
    this.#pass(staged);
  }

  /** The sender dropped this range: the position passes it as soon as it gets there. */
  drop(node: string, log: string, cls: EventClass, range: Range): void {
    const staged = this.#of(node, log, cls);
    if (range.to < range.from || range.to <= staged.seq) return;
    staged.dropped = [...staged.dropped, range].sort((a, b) => a.from - b.from);
    this.#pass(staged);
  }

  commit(): void {
    for (const [stream, { seq, line, dropped }] of this.#staged) {
      if (seq !== stream.seq) stream.hash = line === undefined ? null : hash('sha256', line);
      stream.seq = seq;
      stream.dropped = dropped;
    }
    this.#staged.clear();
    this.#latest = undefined;
  }

  #pass(staged: Staged): void {
    while (staged.dropped.length > 0) {
      const [first, ...rest] = staged.dropped;
      if (first === undefined || first.from > staged.seq + 1) return;
      if (first.to > staged.seq) {
        staged.seq = first.to;
        staged.line = undefined;
      }
      staged.dropped = rest;
    }
  }

  #of(node: string, log: string, cls: EventClass): Staged {
    const latest = this.#latest;
    if (
      latest !== undefined &&
      latest.stream.log === log &&
      latest.stream.class === cls &&
      latest.stream.node === node
    ) {
      return latest.staged;
    }
    const stream = this.#streamOf(node, log, cls);
    let staged = this.#staged.get(stream);
    if (staged === undefined) {
      staged = { seq: stream.seq, line: undefined, dropped: stream.dropped };
      this.#staged.set(stream, staged);
    }
    this.#latest = { stream, staged };
    return staged;
  }
}

function plain({ node, log, class: cls, seq, hash: last, dropped }: Stream): Position {
  return { node, log, class: cls, seq, hash: last, ...(dropped.length === 0 ? {} : { dropped }) };
}

/** Nothing of it is durable yet. */
function isNew({ seq, dropped }: Stream): boolean {
  return seq === 0 && dropped.length === 0;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
