/**
 * What the provider says of one service, in which words. Remembers which instance the world knows, so that nothing is said of one
 * that it never heard of, and so that a crash loop is one fact and not an endless row of them.
 */
import type { Fact } from '@lab/sdk';
import type { Exit } from './life.ts';
import type { ServiceRecord } from './records.ts';

export const SOURCE = 'process';

type Say = (fact: Fact, then?: () => void) => void;

/** Restarts by the provider within the window that make it a crash loop. */
const LOOP_RESTARTS = 3;
const LOOP_WINDOW_MS = 60_000;

export class Reports {
  readonly #service: string;
  readonly #say: Say;
  /** The instance that the world knows. */
  #known: string | null = null;
  #looping = false;
  #restartedAt: number[] = [];

  constructor(service: string, say: Say) {
    this.#service = service;
    this.#say = say;
  }

  /** The world knows this one already, from an earlier life of the daemon. */
  remember(instance: string): void {
    this.#known = instance;
  }

  started(record: ServiceRecord, sources: readonly string[], then?: () => void): void {
    this.#looping = false;
    this.#restartedAt = [];
    this.#known = record.instance;
    this.#fact('service_progressing', born(record, sources), then);
  }

  healthy(instance: string, run: string): void {
    this.#fact('service_healthy', { instance, run });
  }

  ended(instance: string, exit: Exit): void {
    if (!this.#looping) this.#fact('containers_not_running', { instance, ...exit });
  }

  /** It will not be tried again: what a loop kept back is said now. */
  gaveUp(exit: Exit): void {
    if (this.#looping && this.#known !== null) this.#fact('containers_not_running', { instance: this.#known, ...exit });
    this.#looping = false;
  }

  /** The provider's own restart made a new instance. */
  restarted(record: ServiceRecord, sources: readonly string[], nowMs: number, last: Exit, then: () => void): void {
    this.#restartedAt = [...this.#restartedAt.filter((at) => nowMs - at < LOOP_WINDOW_MS), nowMs];
    if (this.#looping) return;
    this.#recovered(record, sources, then);
    if (this.#restartedAt.length < LOOP_RESTARTS) return;
    this.#looping = true;
    const reason = `restarted ${LOOP_RESTARTS} times within a minute; it last ${described(last)}`;
    this.#fact('service_degraded', { instance: record.instance, reason });
  }

  /** It has lived long enough to be believed. */
  stable(record: ServiceRecord, sources: readonly string[], then: () => void): void {
    if (!this.#looping) return;
    this.#looping = false;
    this.#restartedAt = [];
    this.#recovered(record, sources, then);
  }

  removed(instance: string | null): void {
    this.#known = null;
    this.#looping = false;
    this.#fact('service_removed', { instance });
  }

  #recovered(record: ServiceRecord, sources: readonly string[], then: () => void): void {
    const data = { ...born(record, sources), previous: this.#known, restarts: record.restarts };
    this.#known = record.instance;
    this.#fact('service_recovered', data, then);
  }

  #fact(type: string, data: Record<string, unknown>, then?: () => void): void {
    this.#say({ type, source: SOURCE, service: this.#service, data }, then);
  }
}

function born(record: ServiceRecord, sources: readonly string[]): Record<string, unknown> {
  return {
    instance: record.instance,
    digest: record.digest,
    ...(record.pid === undefined ? {} : { pid: record.pid }),
    run: record.run,
    ports: record.spec?.ports ?? {},
    sources,
  };
}

export function described(exit: Exit): string {
  if (exit.signal !== null) return `was ended by ${exit.signal}`;
  return exit.exitCode === null ? 'ended' : `exited with status ${exit.exitCode}`;
}
