/**
 * The hub role, running: the parts that compose.ts made, started and ended in order.
 *
 * INVARIANTS: it accepts events before it plans; it is closed in the opposite order of its opening, the journal last.
 */
import type { ControlPlane } from '@lab/api/control-plane';
import type { HubLink } from '@lab/kernel/link/link';
import type { Journal } from '@lab/kernel/observer/journal';
import type { Observer } from '@lab/kernel/observer/observer';
import type { Clock, Fleet, Log, Timer } from '@lab/sdk';
import type { ControlLoop } from './control-loop.ts';
import type { FleetInForce } from './fleet-in-force.ts';

export interface HubParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly journal: Journal;
  readonly observer: Observer;
  readonly fleet: FleetInForce;
  readonly loop: ControlLoop;
  readonly link: HubLink;
  readonly plane: ControlPlane;
  readonly token: string;
  readonly url: string;
  /** Done every so often: prints, positions, snapshots, pruning. */
  readonly housekeeping: readonly { readonly everyMs: number; readonly run: () => Promise<void> }[];
  /** Ended first to last. */
  readonly closing: readonly (() => Promise<void> | void)[];
}

export class Hub {
  readonly #parts: HubParts;
  readonly #timers: Timer[] = [];

  constructor(parts: HubParts) {
    this.#parts = parts;
  }

  get link(): HubLink {
    return this.#parts.link;
  }

  get plane(): ControlPlane {
    return this.#parts.plane;
  }

  get token(): string {
    return this.#parts.token;
  }

  get url(): string {
    return this.#parts.url;
  }

  /** Calls with each new fleet in force. */
  onFleet(listener: (fleet: Fleet) => void): () => void {
    return this.#parts.fleet.onChange(listener);
  }

  get parts(): HubParts {
    return this.#parts;
  }

  get fleet(): Fleet {
    return this.#parts.fleet.fleet;
  }

  async start(): Promise<void> {
    const { fleet, loop, clock, log, housekeeping } = this.#parts;
    await fleet.establish();
    loop.start();
    for (const { everyMs, run } of housekeeping) {
      let busy = false;
      this.#timers.push(
        clock.every(everyMs, () => {
          if (busy) return;
          busy = true;
          void run()
            .catch((cause: unknown) => log.error('housekeeping failed; it is done again', { reason: String(cause) }))
            .finally(() => {
              busy = false;
            });
        }),
      );
    }
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    await this.#parts.loop.close();
    for (const { run } of this.#parts.housekeeping)
      await run().catch((cause: unknown) => this.#parts.log.warn('a last print failed', { reason: String(cause) }));
    for (const close of this.#parts.closing) await close();
  }
}
