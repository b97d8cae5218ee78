/**
 * The lives of one plugin on one host: each is set up, started, and ended; one that fails is ended and followed by another.
 *
 * INVARIANTS: at most one life at a time; nothing that a plugin does rejects `start`, `stop` or any other plugin; a life ends by
 * abort, stop() within its deadline, the plugin's undos last first, its scope; whatever it leaks is cancelled, counted and said; a failure of a
 * life that has ended changes nothing. Waits between lives double from 1 s to 5 min, and begin anew after a life that
 * lasted longer than the longest wait.
 */

import type { Plugin, PluginKind, PluginView, Timer } from '@lab/sdk';
import { asLabError, type Clock, type Contracts, type Extras, instant, LabError, type Log, messageOf } from '@lab/sdk';
import type { Scope } from '../container.ts';
import { bounded, Missed } from './bounded.ts';
import { enter, type Mark, outside, type Tenant } from './door.ts';
import { START_MS, STOP_MS } from './limits.ts';
import { PluginClock } from './plugin-clock.ts';

export type PluginState = Omit<PluginView, 'node'>;
export type Made = Contracts[PluginKind] & Extras;

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 5 * 60_000;

export interface LifeParts {
  readonly plugin: Plugin;
  readonly config: unknown;
  readonly clock: Clock;
  readonly log: Log;
  readonly mark: Mark;
  /** The scope of one life, with everything in it that the plugin may ask for. */
  readonly openScope: (plugin: Plugin, clock: Clock) => Scope;
  readonly onStateChange: (state: PluginState) => void;
  /** Present: it is not run. */
  readonly disabled: string | undefined;
}

/** One life, from setup to the disposal of its scope. */
export interface Life extends Tenant {
  readonly made: Made;
  readonly signal: AbortSignal;
}

interface Whole {
  readonly tenant: Tenant;
  readonly controller: AbortController;
  readonly clock: PluginClock;
  readonly scope: Scope;
  readonly undos: (() => void | Promise<void>)[];
  readonly bornMs: number;
  made: Made | undefined;
}

export class Lives {
  readonly plugin: Plugin;
  readonly #parts: LifeParts;
  #state: PluginState['state'];
  #reason: string | undefined;
  #sinceMs: number;
  #restarts = 0;
  #waitMs = FIRST_WAIT_MS;
  #next: { readonly atMs: number; readonly timer: Timer } | undefined;
  #life: Whole | undefined;
  #ending: Promise<void> = Promise.resolve();
  #wanted = false;
  /** The latest contract, ended or not: its plain values outlive it. */
  #last: Made | undefined;

  constructor(parts: LifeParts) {
    this.plugin = parts.plugin;
    this.#parts = parts;
    this.#state = parts.disabled === undefined ? 'stopped' : 'disabled';
    this.#reason = parts.disabled;
    this.#sinceMs = parts.clock.now();
  }

  get view(): PluginState {
    return {
      id: this.plugin.id,
      kind: this.plugin.kind,
      state: this.#state,
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
      since: instant(this.#sinceMs),
      restarts: this.#restarts,
      ...(this.#next === undefined ? {} : { nextTry: instant(this.#next.atMs) }),
      capabilities: [...this.plugin.capabilities],
    };
  }

  get last(): Made | undefined {
    return this.#last;
  }

  get running(): boolean {
    return this.#state === 'running';
  }

  /** The life that may be called; throws `plugin_failed` with the reason where there is none. */
  life(what: string): Life {
    const life = this.#life;
    if (this.#state === 'running' && life?.made !== undefined)
      return { id: this.plugin.id, made: life.made, signal: life.controller.signal, failed: life.tenant.failed };
    const why = this.#reason === undefined ? this.#state : `${this.#state}: ${this.#reason}`;
    throw new LabError('plugin_failed', `${this.plugin.id}: no ${what} now, it is ${why}`, {
      at: this.plugin.id,
      hint: this.#next === undefined ? 'see lab plugins' : `it is tried again at ${instant(this.#next.atMs)}`,
    });
  }

  /** Resolves once it runs or is degraded. */
  async start(): Promise<void> {
    if (this.#state === 'disabled' || this.#wanted) return;
    this.#wanted = true;
    await this.#begin();
  }

  /** Resolves once the present life has ended, or was given up. */
  async stop(): Promise<void> {
    this.#wanted = false;
    this.#cancelNext();
    const life = this.#life;
    if (life !== undefined) this.#end(life, 'stopped');
    await this.#ending;
    if (this.#state !== 'disabled' && this.#state !== 'stopped') this.#become('stopped', this.#reason);
  }

  async #begin(): Promise<void> {
    const life = this.#open();
    if (life === undefined) return;
    this.#life = life;
    this.#become('starting', undefined);
    try {
      life.made = this.#setUp(life);
      const { made } = life;
      const { signal } = life.controller;
      await bounded(
        this.#parts.clock,
        () => this.#enter(life, () => made.start(signal)),
        { deadlineMs: START_MS },
        signal,
      );
    } catch (cause) {
      life.tenant.failed(cause instanceof Missed ? `start took longer than ${START_MS / 1000} s` : 'start', cause);
    }
    if (this.#life === life) this.#become('running', undefined);
    await this.#ending;
  }

  #open(): Whole | undefined {
    const tenant: Tenant = {
      id: this.plugin.id,
      failed: (what, cause) => outside(() => this.#failed(life, what, cause)),
    };
    const clock = new PluginClock(this.#parts.clock, tenant, this.#parts.mark);
    let life: Whole | undefined;
    try {
      const scope = this.#parts.openScope(this.plugin, clock);
      const bornMs = this.#parts.clock.monotonic();
      life = { tenant, controller: new AbortController(), clock, scope, undos: [], bornMs, made: undefined };
      return life;
    } catch (cause) {
      this.#waitForNext('wiring', cause, 0);
      return undefined;
    }
  }

  #setUp(life: Whole): Made {
    const services = life.scope.resolveAll(this.plugin.needs);
    const made: unknown = this.#enter(life, () =>
      this.plugin.setup({
        config: this.#parts.config,
        services,
        signal: life.controller.signal,
        defer: (undo) => void life.undos.push(undo),
      }),
    );
    if (typeof made !== 'object' || made === null || 'then' in made)
      throw new LabError('plugin_failed', 'setup must return its contract at once; I/O belongs in start');
    this.#last = made as Made;
    return this.#last;
  }

  #enter<T>(life: Whole, run: () => T): T {
    return enter(life.tenant, this.#parts.mark, run);
  }

  #failed(life: Whole | undefined, what: string, cause: unknown): void {
    if (life === undefined || this.#life !== life) {
      this.#parts.log.debug(`${this.plugin.id}: ${what} failed after its end`, { cause });
      return;
    }
    const lastedMs = this.#parts.clock.monotonic() - life.bornMs;
    this.#waitForNext(what, cause, lastedMs);
    this.#end(life, 'failed');
  }

  #waitForNext(what: string, cause: unknown, lastedMs: number): void {
    if (lastedMs > LONGEST_WAIT_MS) this.#waitMs = FIRST_WAIT_MS;
    const waitMs = this.#waitMs;
    this.#waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    const reason = cause instanceof Missed ? what : `${what}: ${messageOf(cause)}`;
    if (this.#wanted) {
      const timer = this.#parts.clock.after(waitMs, () => void this.#again());
      this.#next = { atMs: this.#parts.clock.now() + waitMs, timer };
    }
    this.#parts.log.warn(`${this.plugin.id} is degraded`, { reason, cause: asLabError(cause), retryInMs: waitMs });
    this.#become('degraded', reason);
  }

  async #again(): Promise<void> {
    this.#next = undefined;
    // A life that hangs in its stop() was given up by now: the new one does not wait for it twice.
    await this.#ending;
    if (!this.#wanted || this.#life !== undefined) return;
    this.#restarts++;
    await this.#begin();
  }

  #end(life: Whole, why: 'stopped' | 'failed'): void {
    this.#life = undefined;
    this.#ending = this.#ending.then(() => this.#wind(life, why));
  }

  async #wind(life: Whole, why: 'stopped' | 'failed'): Promise<void> {
    const { clock, log } = this.#parts;
    const limit = { deadlineMs: STOP_MS };
    const left: string[] = [];
    const step = async (what: string, run: () => unknown): Promise<void> => {
      try {
        await bounded(clock, () => this.#enter(life, run), limit);
      } catch (cause) {
        left.push(
          cause instanceof Missed ? `${what} took longer than ${STOP_MS / 1000} s` : `${what}: ${messageOf(cause)}`,
        );
      }
    };
    await step('abort', () => life.controller.abort(new LabError('cancelled', `${this.plugin.id} ends`)));
    const { made } = life;
    if (made !== undefined) await step('stop', () => made.stop());
    for (const undo of life.undos.splice(0).reverse()) await step('an undo', undo);
    await step('its scope', () => life.scope.dispose());
    const timers = life.clock.end();
    if (timers > 0) left.push(`${timers} ${timers === 1 ? 'timer' : 'timers'} left, now cancelled`);
    if (left.length === 0) return;
    log.warn(`${this.plugin.id} did not end cleanly`, { left });
    if (why === 'stopped') this.#reason = left.join('; ');
    else if (this.#state === 'degraded') this.#become('degraded', [this.#reason, ...left].join('; '));
  }

  #cancelNext(): void {
    this.#next?.timer.cancel();
    this.#next = undefined;
  }

  #become(state: PluginState['state'], reason: string | undefined): void {
    if (state !== this.#state) this.#sinceMs = this.#parts.clock.now();
    this.#state = state;
    this.#reason = reason;
    try {
      this.#parts.onStateChange(this.view);
    } catch (cause) {
      this.#parts.log.error('nobody took note of a state change', { plugin: this.plugin.id, cause: asLabError(cause) });
    }
  }
}
