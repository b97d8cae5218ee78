/**
 * A whole lab in a bottle: the real daemon (hub, edges, link, loop) over a disk in memory, a clock that stands still and a machine that
 * is a map. A life can be cut off at any durable act; the machine lives on, the disk keeps what was synced, and a next life begins.
 *
 * A ledger outside the bottle remembers what must not be lost: every event whose append returned, every approval that was
 * acknowledged, every instance that was made and what lived before it.
 */
import type { ControlPlane } from '@lab/api/control-plane';
import { Daemon } from '@lab/daemon/daemon';
import { builtInEvents } from '@lab/kernel/observer/events/built-in';
import { Journal } from '@lab/kernel/observer/journal';
import { replay } from '@lab/kernel/observer/replay';
import { World } from '@lab/kernel/observer/world';
import {
  type ActionRow,
  CLOCK,
  definePlugin,
  EMIT,
  type JournalEvent,
  LabError,
  type LabEvent,
  PLACE,
  type Plugin,
  type ServiceProvider,
  TERMINAL,
} from '@lab/sdk';
import { FakeClock, FakeMachine, FakeProvider, KeptLog, settle } from '@lab/sdk/testing';
import { z } from 'zod';
import { CrashingDisk, type CrashPlan } from '../../kernel/testing/crashing-disk.ts';
import type { MemoryDisk } from '../../kernel/testing/memory-disk.ts';

export const ROOT = '/lab';

/** What outlives every daemon. */
export class Outside {
  readonly clock = new FakeClock();
  readonly machines = new Map<string, FakeMachine>();
  /** How full the disk of every node is. */
  usedPercent = 50;
  /** `<log>.<class initial><seq>` of every event whose append returned. */
  readonly said = new Set<string>();
  /** ULIDs whose approval was acknowledged. */
  readonly approved = new Set<string>();
  /** What people have done, outside of lab: it is not undone by a crash. */
  readonly done = new Set<string>();
  /** Runs that began to make something: whether the same digest was living there already. */
  readonly made: { readonly run: string; readonly service: string; readonly alive: boolean }[] = [];

  machine(node: string): FakeMachine {
    const machine = this.machines.get(node) ?? new FakeMachine();
    this.machines.set(node, machine);
    return machine;
  }

  /** The same past, for one of several futures. */
  fork(): Outside {
    const fork = new Outside();
    fork.clock.jump(this.clock.now());
    for (const [node, machine] of this.machines) {
      const copy = fork.machine(node);
      for (const [name, one] of machine.services) copy.services.set(name, { ...one, log: [...one.log] });
      for (const run of machine.failedRuns) copy.failedRuns.add(run);
      copy.made = machine.made;
    }
    for (const id of this.said) fork.said.add(id);
    for (const id of this.approved) fork.approved.add(id);
    for (const what of this.done) fork.done.add(what);
    fork.made.push(...this.made);
    return fork;
  }
}

export class Life {
  readonly outside: Outside;
  readonly disk: CrashingDisk;
  readonly log = new KeptLog();
  #daemon: Daemon | undefined;

  private constructor(outside: Outside, disk: CrashingDisk) {
    this.outside = outside;
    this.disk = disk;
  }

  /** Begins a life, with `plugins` beside the bottle's provider. One that is cut off while it begins is dead, and says so. */
  static async begin(
    outside: Outside,
    disk: MemoryDisk,
    repo: string,
    crash: CrashPlan = {},
    plugins: readonly Plugin[] = [],
  ): Promise<Life> {
    const life = new Life(outside, new CrashingDisk(disk, crash));
    const opening = Daemon.open({
      root: ROOT,
      repo,
      modulesDir: '/none',
      version: 'test',
      disk: life.disk,
      clock: outside.clock,
      log: life.log,
      disabled: new Map(),
      mark: () => null,
      database: false,
      usedPercent: async () => outside.usedPercent,
      plugins: [bottledProvider(outside, life), ...plugins],
    }).then(
      (daemon) => {
        life.#daemon = daemon;
        for (const edge of daemon.edges.values()) edge.parts.events.onAppend((events) => life.#remember(events));
      },
      (cause: unknown) => {
        if (!life.disk.dead) throw cause;
      },
    );
    await life.#until(opening);
    return life;
  }

  get dead(): boolean {
    return this.disk.dead;
  }

  get daemon(): Daemon {
    if (this.#daemon === undefined) throw new Error('this life never began');
    return this.#daemon;
  }

  /** Time passes until `is` holds. False where it never does, or where this life ends before. */
  async passUntil(is: () => boolean, mostMs = 60 * 60_000): Promise<boolean> {
    for (let passedMs = 0; passedMs <= mostMs; ) {
      await settle();
      if (this.dead) return false;
      if (is()) return true;
      const stepMs = passedMs < 5_000 ? 50 : 1_000;
      await this.outside.clock.advance(stepMs);
      passedMs += stepMs;
    }
    return false;
  }

  /** A person asks something of the hub. What is refused is a person's answer; what dies is nobody's. */
  async ask(question: (plane: ControlPlane) => Promise<unknown>): Promise<void> {
    if (this.dead || this.#daemon === undefined) return;
    const answered = question(this.#daemon.hub.plane).then(
      () => true,
      (cause: unknown) => {
        if (!this.dead && !(cause instanceof LabError)) throw cause;
        return true;
      },
    );
    await this.#until(answered);
  }

  /** Nothing is open and nothing is being planned. */
  idle(): boolean {
    const { loop, observer } = this.daemon.hub.parts;
    const open = [...observer.world.rows<ActionRow>('control', 'action').values()].some(
      ({ state }) => !TERMINAL.has(state),
    );
    return !open && !loop.busy;
  }

  /** Approves what waits for a person, as a person who looks at it does. Unacknowledged where this life ends meanwhile. */
  async approveAll(): Promise<void> {
    if (this.dead || this.#daemon === undefined) return;
    for (const { id, ulid, planHash, state } of await this.#daemon.hub.plane.actions(['pending'])) {
      if (state !== 'pending') continue;
      try {
        await this.#daemon.hub.plane.approve(id, { ulid, hash: planHash }, { who: 'tester', via: 'api' });
        this.outside.approved.add(ulid);
      } catch (cause) {
        if (this.dead) return;
        if (!(cause instanceof Error && 'code' in cause && (cause.code === 'stale' || cause.code === 'conflict')))
          throw cause;
      }
    }
  }

  /** A dead life's watchers of files are ended: a process would have taken them with it. */
  async bury(): Promise<void> {
    for (const close of this.#daemon?.hub.parts.closing ?? []) await Promise.resolve(close()).catch(() => {});
  }

  async end(): Promise<void> {
    if (this.#daemon !== undefined && !this.dead) await this.#daemon.stop({ services: false });
  }

  #remember(events: readonly LabEvent[]): void {
    if (this.dead) return;
    for (const event of events) this.outside.said.add(event.id);
  }

  /** Opening waits for I/O of the real file system (the fleet) and for timers of the bottle: both go on. */
  async #until(work: Promise<unknown>): Promise<void> {
    let done = false;
    void work.finally(() => {
      done = true;
    });
    while (!done && !this.dead) {
      await settle();
      await new Promise<void>((resolve) => setTimeout(resolve, 1));
    }
    if (!this.dead) await work;
  }
}

/** The provider of a bottle: what a dead daemon asked for never happens. */
function bottledProvider(outside: Outside, life: Life): Plugin {
  return definePlugin({
    id: 'provider.process',
    kind: 'provider',
    sdk: 1,
    roles: ['edge'],
    config: z.strictObject({}),
    needs: { clock: CLOCK, emit: EMIT, place: PLACE },
    capabilities: [],
    setup: ({ services }) => {
      const provider = new FakeProvider(services.emit, outside.machine(services.place.node));
      const make = provider.deploy.bind(provider);
      const forever = new Promise<never>(() => {});
      const deploy: ServiceProvider['deploy'] = async (spec, run) => {
        if (life.dead) return forever;
        const before = outside.machine(services.place.node).services.get(spec.service);
        const alive = before?.phase === 'running' && before.spec.digest === spec.digest;
        const done = (await provider.trace(spec.service, run.run)).state === 'done';
        if (!done) outside.made.push({ run: run.run, service: spec.service, alive });
        return make(spec, run);
      };
      provider.deploy = deploy;
      provider.restart = deploy;
      return provider;
    },
  });
}

/** Everything in the journal of a disk, and the world that it replays to. */
export async function journalOf(disk: MemoryDisk, clock: FakeClock): Promise<{ events: JournalEvent[]; world: World }> {
  const registry = builtInEvents();
  const journal = await Journal.open({
    disk,
    root: ROOT,
    clock,
    registry,
    log: new KeptLog(),
    hubNode: 'reader',
    randomId: () => 'reader000000',
  });
  const events: JournalEvent[] = [];
  for await (const batch of journal.read(1)) events.push(...batch);
  const world = await replay({ journal, registry, start: new World() });
  await journal.close();
  return { events, world };
}
