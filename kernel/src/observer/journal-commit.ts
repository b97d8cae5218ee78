/**
 * One commit of the journal in the making: judges what was sent, gives out ordinals, and says what the lines will be. Nothing of it is
 * true before the lines are synced; then `staged.commit()` makes it so.
 */
import { type JournalEvent, LabError, type LabEvent } from '@lab/sdk';
import type { EventBatch } from '../link/link.ts';
import { type CheckedFact, placed } from './fact-check.ts';
import { DROPPED, droppedRange, judge, QUARANTINED } from './intake.ts';
import type { StagedPositions } from './positions.ts';
import type { EventRegistry } from './registry.ts';

/** `node` is the raw name: as the sender calls itself. */
export interface Sender {
  readonly node: string;
  readonly log: string;
}

/** Lines to be set aside, with why. */
export interface Aside {
  readonly name: string;
  readonly lines: readonly string[];
  readonly reason: string;
}

export class JournalCommit {
  readonly lines: string[] = [];
  readonly events: JournalEvent[] = [];
  readonly asides: Aside[] = [];
  readonly staged: StagedPositions;
  readonly #registry: EventRegistry;
  readonly #own: Sender & { readonly epoch: number };
  readonly #receivedAt: string;
  readonly #front: string;
  #ord: number;

  constructor(args: {
    readonly registry: EventRegistry;
    readonly staged: StagedPositions;
    readonly own: Sender & { readonly epoch: number };
    readonly receivedAt: string;
    readonly head: number;
  }) {
    this.#registry = args.registry;
    this.staged = args.staged;
    this.#own = args.own;
    this.#receivedAt = args.receivedAt;
    this.#front = `,"receivedAt":"${args.receivedAt}",`;
    this.#ord = args.head;
  }

  /** What a line that stands in the journal does to the positions. */
  static replay(staged: StagedPositions, event: JournalEvent, line: string): void {
    staged.move(event.node, event.log, event.class, event.seq, line);
    if (event.type === QUARANTINED) {
      const {
        node,
        log,
        class: cls,
        to,
      } = event.data as { node: string; log: string; class: LabEvent['class']; to: number };
      staged.move(node, log, cls, to, undefined);
    } else if (event.type === DROPPED) {
      const range = droppedRange(event);
      if (range !== undefined) staged.drop(event.node, event.log, range.class, range);
    }
  }

  batch({ node, log }: Sender, { class: cls, from, lines }: EventBatch): { acked: number; quarantined: number } {
    const position = this.staged.seq(node, log, cls);
    if (from > position + 1) {
      throw new LabError('conflict', `${cls} of ${node} continues at ${position + 1}, not at ${from}`, {
        at: `${node} ${log}`,
        hint: 'send from the acknowledged position',
        data: { acked: position },
      });
    }
    const bad: { readonly seq: number; readonly line: string; readonly reason: string }[] = [];
    for (const [index, line] of lines.entries()) {
      const seq = from + index;
      // It is here already, or lies in a range that was dropped and is passed now.
      if (seq <= this.staged.seq(node, log, cls)) continue;
      const event = judge(this.#registry, line, { node, log, class: cls, seq });
      if (typeof event === 'string') {
        bad.push({ seq, line, reason: event });
        this.staged.move(node, log, cls, seq, undefined);
      } else {
        this.#add(event, line);
      }
    }
    if (bad.length > 0) this.#setAside({ node, log }, cls, bad);
    return { acked: this.staged.seq(node, log, cls), quarantined: bad.length };
  }

  own(facts: readonly CheckedFact[]): JournalEvent[] {
    return facts.map((fact) => {
      const { node, log, epoch } = this.#own;
      const seq = this.staged.seq(node, log, fact.class) + 1;
      const { line, event } = placed(fact, { node, log, epoch, seq, at: this.#receivedAt });
      return this.#add(event, line);
    });
  }

  #add(event: LabEvent, line: string): JournalEvent {
    this.#ord++;
    this.lines.push(`{"ord":${this.#ord}${this.#front}${line.slice(1)}`);
    const journalled: JournalEvent = Object.assign(event, { ord: this.#ord, receivedAt: this.#receivedAt });
    this.events.push(journalled);
    JournalCommit.replay(this.staged, journalled, line);
    return journalled;
  }

  /** One event for the lines of a batch, however many they are. */
  #setAside(
    { node, log }: Sender,
    cls: LabEvent['class'],
    bad: readonly { readonly seq: number; readonly line: string; readonly reason: string }[],
  ): void {
    const from = bad[0]?.seq ?? 0;
    const to = bad.at(-1)?.seq ?? 0;
    const reason = bad.length === 1 ? `${bad[0]?.reason}` : `${bad.length} lines; the first: ${bad[0]?.reason}`;
    this.asides.push({
      name: `${node}-${log}-${cls}-${from}.jsonl`,
      lines: bad.map(({ line }) => line),
      reason: bad.map((each) => `seq ${each.seq}: ${each.reason}`).join('\n'),
    });
    const data = JSON.stringify({ node, log, class: cls, from, to, reason });
    this.own([
      { type: QUARANTINED, class: 'control', severity: 'warning', source: undefined, service: undefined, data },
    ]);
  }
}
