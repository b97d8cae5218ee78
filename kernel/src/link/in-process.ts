/**
 * The link inside one process: the hub's end behind a boundary that behaves like a wire. Everything crosses as JSON, so nothing is
 * shared by reference; it can be cut, and then every call is `unreachable` and no hint comes through.
 */
import { LabError } from '@lab/sdk';
import type { Beat, EventBatch, Hello, HubLink, Told, Welcome, Work } from './link.ts';

export class InProcessLink implements HubLink {
  readonly #end: HubLink;
  #cut = false;

  constructor(end: HubLink) {
    this.#end = end;
  }

  /** From now on, and until `mend`, nothing passes in either direction. */
  cut(): void {
    this.#cut = true;
  }

  mend(): void {
    this.#cut = false;
  }

  hello(hello: Hello): Promise<Welcome> {
    return this.#cross(() => this.#end.hello(wired(hello)));
  }

  events(session: string, batch: EventBatch): Promise<number> {
    return this.#cross(() => this.#end.events(session, wired(batch)));
  }

  heartbeat(session: string): Promise<Beat> {
    return this.#cross(() => this.#end.heartbeat(session));
  }

  told(session: string): Promise<Told> {
    return this.#cross(() => this.#end.told(session));
  }

  bundle(session: string, digest: string): ReturnType<HubLink['bundle']> {
    return this.#cross(() => this.#end.bundle(session, digest));
  }

  work(session: string): Promise<Work> {
    return this.#cross(() => this.#end.work(session));
  }

  onHint(session: string, hint: () => void): () => void {
    return this.#end.onHint(session, () => {
      if (!this.#cut) hint();
    });
  }

  /** An answer that was on its way when the link was cut is lost, although the hub has done what was asked. */
  async #cross<T>(call: () => Promise<T>): Promise<T> {
    this.#check();
    const answer = wired(await call());
    this.#check();
    return answer;
  }

  #check(): void {
    if (this.#cut) throw new LabError('unreachable', 'the link is cut', { hint: 'it is tried again' });
  }
}

function wired<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
