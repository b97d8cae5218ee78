/**
 * The node's end of the conversation with the hub: hello, events upwards by class, what the node is told downwards.
 *
 * INVARIANTS: only what is synced in the node's log is sent; control before health before bulk; a line is sent again until its
 * acknowledgement is here, and the hub drops what it has; nothing depends on a hint. What goes wrong ends the conversation, never
 * the node: it says hello again after a jittered wait.
 */

import {
  type Beat,
  type Hello,
  type HubLink,
  PROTOCOL,
  type StreamTail,
  type Told as ToldDocs,
  type Work,
} from '@lab/kernel/link/link';
import { type Bundle, type Clock, delay, EVENT_CLASSES, type EventClass, instant, LabError, type Log } from '@lab/sdk';

const BATCH_BYTES = 256 * 1024;
const RETRY_MS = { first: 500, most: 30_000 } as const;

/** What of the node's log is needed here. */
export interface SentLog {
  readonly log: string;
  readonly epoch: number;
  tail(cls: EventClass): StreamTail;
  read(cls: EventClass, from: number, maxBytes: number): Promise<readonly string[]>;
  acked(cls: EventClass, seq: number): void | Promise<void>;
  renew(): Promise<void>;
  onAppend(listener: () => void): () => void;
}

export interface PumpArgs {
  readonly node: string;
  readonly bootId: string;
  readonly link: HubLink;
  readonly events: SentLog;
  readonly clock: Clock;
  readonly log: Log;
  /** 0 to 1: spreads reconnections. */
  readonly random: () => number;
  readonly accepted: () => {
    readonly generation: number;
    readonly desiredHash: string | null;
    readonly approvedHash: string;
  };
  /** A new log began: what was carried into it is not folded here yet. */
  readonly onRenewed: () => Promise<void>;
  /** The hub's time, in milliseconds since the epoch. */
  readonly onTime: (timeMs: number) => Promise<void>;
  /** Rejects with `refused` where the document may not be accepted; the conversation then starts anew. */
  readonly onTold: (told: ToldDocs) => Promise<void>;
  readonly onWork: (work: Work) => Promise<void>;
}

export interface LinkState {
  readonly connected: boolean;
  readonly since: string;
  readonly reason?: string;
}

export class Pump {
  readonly #args: PumpArgs;
  #session: string | undefined;
  #state: LinkState;
  #wake: () => void = () => {};
  #pending = true;
  #beatDue = true;

  constructor(args: PumpArgs) {
    this.#args = args;
    this.#state = { connected: false, since: instant(args.clock.now()) };
  }

  get state(): LinkState {
    return this.#state;
  }

  /** A bundle from the hub; `unreachable` where there is no conversation. */
  async bundle(digest: string): Promise<Bundle> {
    if (this.#session === undefined)
      throw new LabError('unreachable', 'the hub is out of reach', {
        at: `bundle ${digest}`,
        hint: 'it is fetched when the link is back',
      });
    return this.#args.link.bundle(this.#session, digest);
  }

  /** Runs until the signal aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const stopListening = this.#args.events.onAppend(() => this.#nudge());
    signal.addEventListener('abort', () => this.#nudge(), { once: true });
    let failures = 0;
    while (!signal.aborted) {
      try {
        await this.#converse(signal, () => {
          failures = 0;
        });
      } catch (cause) {
        if (signal.aborted) break;
        this.#leave(cause instanceof Error ? cause.message : String(cause));
        const most = Math.min(RETRY_MS.most, RETRY_MS.first * 2 ** Math.min(failures, 10));
        failures += 1;
        await delay(this.#args.clock, most * (0.5 + this.#args.random() / 2), signal).catch(() => {});
      }
    }
    stopListening();
    this.#leave('stopped');
  }

  async #converse(signal: AbortSignal, onConnected: () => void): Promise<void> {
    const { link, events, clock, log } = this.#args;
    const welcome = await link.hello(this.#hello());
    if (welcome.newLog) {
      log.warn('the hub knows another past of this log; a new one begins', { log: events.log });
      await events.renew();
      await this.#args.onRenewed();
      return;
    }
    await this.#args.onTime(Date.parse(welcome.time));
    for (const cls of EVENT_CLASSES) await events.acked(cls, welcome.acked[cls]);
    this.#session = welcome.session;
    this.#state = { connected: true, since: instant(clock.now()) };
    let known: Beat | undefined;
    const stopHints = link.onHint(welcome.session, () => {
      this.#beatDue = true;
      this.#nudge();
    });
    const timer = clock.every(welcome.heartbeatMs, () => {
      this.#beatDue = true;
      this.#nudge();
    });
    try {
      this.#beatDue = true;
      while (!signal.aborted) {
        this.#pending = false;
        await this.#send(welcome.session);
        if (this.#beatDue) {
          this.#beatDue = false;
          const beat = await link.heartbeat(welcome.session);
          await this.#fetch(welcome.session, beat, known);
          known = beat;
          // Not at the hello: a conversation that always breaks off here must not be begun without a wait.
          onConnected();
        }
        if (!this.#pending && !this.#beatDue) await this.#sleep(signal);
      }
    } finally {
      timer.cancel();
      stopHints();
    }
  }

  async #fetch(session: string, beat: Beat, known: Beat | undefined): Promise<void> {
    const { link, accepted, onTold, onWork } = this.#args;
    const has = accepted();
    if (beat.generation !== has.generation || beat.approvedHash !== has.approvedHash || known === undefined)
      await onTold(await link.told(session));
    if (beat.work !== known?.work) await onWork(await link.work(session));
  }

  /** Classes by priority: each is emptied before the next one's turn, but new control goes first again. */
  async #send(session: string): Promise<void> {
    const { events, link } = this.#args;
    for (let sent = true; sent; ) {
      sent = false;
      for (const cls of EVENT_CLASSES) {
        const tail = events.tail(cls);
        if (tail.acked >= tail.last) continue;
        const lines = await events.read(cls, tail.acked + 1, BATCH_BYTES);
        if (lines.length === 0) continue;
        await events.acked(cls, await link.events(session, { class: cls, from: tail.acked + 1, lines }));
        sent = true;
        break;
      }
    }
  }

  #hello(): Hello {
    const { node, bootId, events, accepted } = this.#args;
    const { generation, desiredHash } = accepted();
    const streams = Object.fromEntries(EVENT_CLASSES.map((cls) => [cls, events.tail(cls)])) as Record<
      EventClass,
      StreamTail
    >;
    return { protocol: PROTOCOL, node, log: events.log, epoch: events.epoch, bootId, streams, generation, desiredHash };
  }

  #leave(reason: string): void {
    this.#session = undefined;
    if (this.#state.connected || this.#state.reason !== reason)
      this.#state = { connected: false, since: instant(this.#args.clock.now()), reason };
  }

  #nudge(): void {
    this.#pending = true;
    this.#wake();
  }

  #sleep(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = () => {};
        resolve();
      };
    });
  }
}
