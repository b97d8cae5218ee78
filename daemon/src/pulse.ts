/**
 * What the daemon tells its parent: a beat each second over the IPC channel, and in a file, written synchronously, whose code
 * holds the thread now. When the beats stop, the file is all that can still be read.
 *
 * INVARIANTS: the file has one fixed size, written in place, so that a full disk does not matter; a write that fails is ignored:
 * a pulse is worth no fault of its own. Nothing here is durable or needs to be.
 */
import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock, Timer } from '@lab/sdk/clock';

const BYTES = 80;
const ID = /^[a-z]+\.[a-z0-9-]+$/;
export const BEAT_MS = 1_000;

export class Pulse {
  readonly #fd: number;
  readonly #lines = new Map<string, Buffer>();
  #now: string | null = null;

  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true });
    this.#fd = openSync(path, 'w');
    this.#write(null);
  }

  /** As `Mark` in the kernel's door: returns whose code it was before. */
  readonly mark = (id: string | null): string | null => {
    const before = this.#now;
    if (id !== before) this.#write(id);
    this.#now = id;
    return before;
  };

  close(): void {
    this.#write(null);
    closeSync(this.#fd);
  }

  #write(id: string | null): void {
    const text = id ?? '';
    let line = this.#lines.get(text);
    if (line === undefined) {
      line = Buffer.alloc(BYTES, ' ');
      line.write(text, 0, BYTES - 1, 'utf8');
      line.write('\n', BYTES - 1);
      this.#lines.set(text, line);
    }
    try {
      writeSync(this.#fd, line, 0, BYTES, 0);
    } catch {
      // See above.
    }
  }
}

/** Whose code held the thread when the file was last written; null for the kernel's own, or where the file says nothing. */
export function readPulse(path: string): string | null {
  try {
    const text = readFileSync(path, 'utf8').slice(0, BYTES).trim();
    return ID.test(text) ? text : null;
  } catch {
    return null;
  }
}

/** From the daemon to its parent. */
export type ToParent =
  | { readonly type: 'beat' }
  | { readonly type: 'progress'; readonly text: string }
  /** It is about to exit on purpose, with this code: it is not started again. */
  | { readonly type: 'end'; readonly code: number };
export type ToDaemon = { readonly type: 'stop' };

/** The daemon's own `process`, as far as it matters here. */
export interface Channel {
  readonly connected?: boolean;
  send?(message: ToParent, done: (cause: Error | null) => void): unknown;
  on(event: 'message', hear: (message: unknown) => void): unknown;
  on(event: 'disconnect', hear: () => void): unknown;
  off(event: 'message', hear: (message: unknown) => void): unknown;
  off(event: 'disconnect', hear: () => void): unknown;
  disconnect?(): void;
}

export interface Heard {
  /** The parent asks for an orderly stop: what was started here is stopped too. */
  readonly onStop: () => void;
  /** The parent is gone (killed): end, and leave services running. */
  readonly onGone: () => void;
}

/** The daemon's end of the channel. Where it was started by hand there is no parent, and every method does nothing. */
export class ParentLink {
  readonly #channel: Channel;
  readonly #beat: Timer | undefined;
  readonly #message: (message: unknown) => void;
  readonly #disconnect: () => void;

  constructor(channel: Channel, clock: Clock, heard: Heard) {
    this.#channel = channel;
    this.#message = (message) => {
      if (typeof message === 'object' && message !== null && 'type' in message && message.type === 'stop')
        heard.onStop();
    };
    this.#disconnect = heard.onGone;
    if (channel.connected !== true) return;
    channel.on('message', this.#message);
    channel.on('disconnect', this.#disconnect);
    this.#send({ type: 'beat' });
    this.#beat = clock.every(BEAT_MS, () => this.#send({ type: 'beat' }));
  }

  /** A line for whoever looks at the parent. */
  progress(text: string): void {
    this.#send({ type: 'progress', text });
  }

  /** Says that the coming exit is meant, and lets go of the channel once that is said. */
  async end(code: number): Promise<void> {
    this.#beat?.cancel();
    this.#channel.off('message', this.#message);
    this.#channel.off('disconnect', this.#disconnect);
    if (this.#channel.connected !== true) return;
    await new Promise<void>((resolve) => this.#send({ type: 'end', code }, resolve));
    if (this.#channel.connected === true) this.#channel.disconnect?.();
  }

  #send(message: ToParent, done: () => void = () => {}): void {
    const { send, connected } = this.#channel;
    // A parent that is being killed is noticed by `disconnect`.
    if (send !== undefined && connected === true) send.call(this.#channel, message, () => done());
    else done();
  }
}
