/** A node for tests of runs: services that have instances and outlive its daemon, a log of events, and a runner. */
import type { Confirm } from '@lab/kernel/executor/redeem';
import { Runner, type RunnerPorts } from '@lab/kernel/executor/run';
import { ACTION_EVENTS } from '@lab/kernel/observer/events/actions';
import {
  type Applied,
  type Change,
  type Fact,
  type Grant,
  planHash,
  type ResourceApplier,
  type RunContext,
} from '@lab/sdk';
import { FakeClock, KeptLog } from '@lab/sdk/testing';
import { change, counting } from './house.ts';
import type { Machine } from './power-cut.ts';

export const START = Date.UTC(2026, 0, 1);

export function grantFor(ulid: string, more: Partial<Grant> = {}, of: Partial<Change> = {}): Grant {
  const what = change('container-restart-piha-web', of);
  return {
    ulid,
    node: what.node,
    planHash: planHash(what),
    generation: 1,
    expiresAt: new Date(START + 3_600_000).toISOString(),
    change: what,
    timeoutMs: 60_000,
    verifyMs: 120_000,
    by: 'paul@saturn',
    ...more,
  };
}

/** What outlives a daemon: its services, the runs that touched them, and the node's log. */
export class Node {
  readonly instances = new Map<string, string>([
    ['web', 'first-web'],
    ['db', 'first-db'],
  ]);
  /** Runs by what they came to: begun (the old instance is gone) or made (the new one is there). */
  readonly runs = new Map<string, { state: 'begun' | 'made'; ulid: string | undefined }>();
  readonly events: Fact[] = [];
  /** How often a change was begun, by run. */
  readonly begun: string[] = [];
  readonly machine: Machine;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  /** A power cut ends every process; the next start keeps what ran, with new instances, and knows no runs. */
  reboot(): void {
    for (const service of this.instances.keys()) this.instances.set(service, `kept-${this.events.length}-${service}`);
    this.runs.clear();
  }

  readonly applier: ResourceApplier = {
    id: 'service',
    preimage: async (of) => this.instances.get(of.service ?? '') ?? null,
    apply: (of, run) => this.apply(of, run),
    trace: async (of, run) => {
      const known = this.runs.get(run);
      if (known === undefined) return { state: 'none' };
      if (known.state === 'begun') return { state: 'unknown' };
      return { state: 'done', instance: this.instances.get(of.service ?? '') ?? null };
    },
    diagnose: async () => 'looked at',
  };

  async apply(of: Change, run: RunContext): Promise<Applied> {
    this.machine.step();
    const service = of.service ?? '';
    this.begun.push(run.run);
    this.runs.set(run.run, { state: 'begun', ulid: undefined });
    this.instances.delete(service);
    this.machine.step();
    this.instances.set(service, `by-${run.run}`);
    this.runs.set(run.run, { state: 'made', ulid: undefined });
    run.output('made anew');
    this.machine.step();
    return { instance: `by-${run.run}`, verify: 'health' };
  }

  emit(fact: Fact): { id: string; seq: number } {
    this.machine.step();
    // The hub would quarantine what is not of the form that the registry has.
    ACTION_EVENTS.find((known) => known.type === fact.type)?.data.parse(fact.data);
    this.events.push(fact);
    this.machine.step();
    return { id: `log.c${this.events.length}`, seq: this.events.length };
  }

  /** Events of a type, as what they say. */
  said(type: string): Readonly<Record<string, unknown>>[] {
    return this.events.filter((event) => event.type === type).map((event) => event.data);
  }
}

export const healthy: Confirm = async () => ({ healthSeq: 7 });

export interface Life {
  readonly runner: Runner;
  readonly clock: FakeClock;
  readonly log: KeptLog;
}

export function lifeOf(node: Node, more: Partial<RunnerPorts> = {}, ids = counting(1_000)): Life {
  const clock = new FakeClock(START);
  const log = new KeptLog();
  const runner = new Runner({
    disk: node.machine.disk(),
    dir: '/root/edge',
    node: 'piha',
    clock,
    log,
    appliers: (resource) => (resource === 'service' ? node.applier : undefined),
    emit: async (fact) => node.emit(fact),
    confirm: healthy,
    ulid: ids,
    check: () => undefined,
    ...more,
  });
  return { runner, clock, log };
}
