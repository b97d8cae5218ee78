/**
 * Group commit: requests that arrive while a commit is under way share the next one, and so share its fdatasync.
 *
 * INVARIANTS: requests are committed in the order they were added; one commit at a time; what waits is bounded, and a request past
 * the bound is refused at once and changes nothing.
 */
import { asLabError, LabError } from '@lab/sdk';

/** What became of one request: the commit as a whole may succeed while this one was refused. */
export type Outcome<R> = { readonly value: R } | { readonly error: LabError };

export interface GroupCommitOptions<Q, R> {
  /** Makes all of them durable and answers each, in order. Rejects where none is. */
  readonly commit: (requests: readonly Q[]) => Promise<readonly Outcome<R>[]>;
  readonly sizeOf: (request: Q) => number;
  /** A commit takes requests up to about so many bytes. */
  readonly groupBytes?: number;
  readonly backlogBytes?: number;
}

interface Waiting<Q, R> {
  readonly request: Q;
  readonly bytes: number;
  readonly resolve: (value: R) => void;
  readonly reject: (error: unknown) => void;
}

export class GroupCommit<Q, R> {
  readonly #commit: GroupCommitOptions<Q, R>['commit'];
  readonly #sizeOf: (request: Q) => number;
  readonly #groupBytes: number;
  readonly #backlogBytes: number;
  #waiting: Waiting<Q, R>[] = [];
  #bytes = 0;
  #running: Promise<void> | undefined;
  /** Settles when the last commit, or work that must not overlap one, is through. */
  #lock: Promise<void> = Promise.resolve();

  constructor(options: GroupCommitOptions<Q, R>) {
    this.#commit = options.commit;
    this.#sizeOf = options.sizeOf;
    this.#groupBytes = options.groupBytes ?? 4 * 1024 * 1024;
    this.#backlogBytes = options.backlogBytes ?? 64 * 1024 * 1024;
  }

  add(request: Q): Promise<R> {
    const bytes = this.#sizeOf(request);
    if (this.#bytes > 0 && this.#bytes + bytes > this.#backlogBytes) {
      return Promise.reject(
        new LabError('disk', 'the disk does not keep up: too much waits to be written', { hint: 'try again later' }),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, bytes, resolve, reject });
      this.#bytes += bytes;
      this.#start();
    });
  }

  /** Runs `work` between two commits; requests that come meanwhile wait. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#lock.then(work);
    this.#lock = result.then(ignore, ignore);
    return result;
  }

  /** Resolves once nothing waits. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    await this.#lock;
  }

  #start(): void {
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) await this.exclusive(() => this.#group(this.#take()));
    // In the same turn as the look above: a request that came in between would wait for one that never comes.
    this.#running = undefined;
  }

  #take(): Waiting<Q, R>[] {
    let count = 0;
    for (let bytes = 0; count < this.#waiting.length && bytes < this.#groupBytes; count++) {
      bytes += this.#waiting[count]?.bytes ?? 0;
    }
    return this.#waiting.splice(0, count);
  }

  async #group(group: readonly Waiting<Q, R>[]): Promise<void> {
    try {
      const outcomes = await this.#commit(group.map((waiting) => waiting.request));
      for (const [index, waiting] of group.entries()) {
        const outcome = outcomes[index];
        if (outcome === undefined) waiting.reject(new LabError('internal', 'a commit left a request without answer'));
        else if ('error' in outcome) waiting.reject(outcome.error);
        else waiting.resolve(outcome.value);
      }
    } catch (cause) {
      for (const waiting of group) waiting.reject(asLabError(cause));
    } finally {
      for (const waiting of group) this.#bytes -= waiting.bytes;
    }
  }
}

function ignore(): void {}
