import {
  type ActionRow,
  type ApprovedRow,
  EVENT_CLASSES,
  type EventClass,
  type JournalEvent,
  type ServiceRow,
} from '@lab/sdk';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { builtInEvents } from './events/built-in.ts';
import { Fold } from './fold.ts';
import { World } from './world.ts';

const REGISTRY = builtInEvents();

/** Journal events from short descriptions: each gets its place in its stream and in the journal. */
class Teller {
  readonly #seqs = new Map<string, number>();
  #ord = 0;

  tell(
    type: string,
    data: Record<string, unknown>,
    more: {
      node?: string;
      service?: string;
      source?: string;
      class?: EventClass;
      epoch?: number;
      receivedAt?: string;
    } = {},
  ): JournalEvent {
    const known = REGISTRY.get(type);
    const cls = more.class ?? (known === undefined || known.class === 'shared' ? 'control' : known.class);
    const node = more.node ?? 'piha';
    const seq = (this.#seqs.get(`${node}${cls}`) ?? 0) + 1;
    this.#seqs.set(`${node}${cls}`, seq);
    this.#ord += 1;
    return {
      ord: this.#ord,
      receivedAt: more.receivedAt ?? '2026-01-01T00:00:00.000Z',
      id: `log${node}.${cls[0]}${seq}`,
      node,
      log: `log${node}`,
      epoch: more.epoch ?? 1,
      class: cls,
      seq,
      type,
      at: '2026-01-01T00:00:00.000Z',
      ...(more.source === undefined ? {} : { source: more.source }),
      ...(more.service === undefined ? {} : { service: more.service }),
      severity: 'info',
      data,
    };
  }
}

function folded(events: readonly JournalEvent[]): World {
  const fold = new Fold(new World(), REGISTRY, (event, cause) => {
    throw new Error(`${event.type}: ${String(cause)}`);
  });
  for (const [index, event] of events.entries()) fold.apply({ ...event, ord: index + 1 });
  return fold.world;
}

const service = (world: World, key = 'piha/web'): ServiceRow | undefined =>
  world.rows<ServiceRow>('health', 'service').get(key);
const about = { service: 'web', source: 'process' };
const born = (instance: string) => ({ instance, digest: 'd1', sources: ['process', 'healthcheck'], ports: {} });

describe('health of an instance', () => {
  it('a positive clears only the negative of its own source', () => {
    const t = new Teller();
    const world = folded([
      t.tell('service_progressing', born('i1'), about),
      t.tell('service_healthy', { instance: 'i1' }, about),
      t.tell('healthcheck_failed', { instance: 'i1', output: 'refused' }, { ...about, source: 'healthcheck' }),
      t.tell('service_healthy', { instance: 'i1' }, about),
    ]);
    expect(service(world)?.sources.healthcheck).toMatchObject({
      health: 'unhealthy',
      cause: 'healthcheck_failed',
      detail: 'refused',
    });
    expect(service(world)?.sources.process?.health).toBe('healthy');
  });

  it('a new instance clears the negatives of the old one, and what is said of the old one is ignored', () => {
    const t = new Teller();
    const world = folded([
      t.tell('service_progressing', born('i1'), about),
      t.tell('containers_not_running', { instance: 'i1', exitCode: 1, signal: null }, about),
      t.tell('service_progressing', born('i2'), about),
      t.tell('healthcheck_failed', { instance: 'i1' }, { ...about, source: 'healthcheck' }),
    ]);
    expect(service(world)).toMatchObject({ instance: 'i2', state: 'running' });
    expect(Object.values(service(world)?.sources ?? {}).map(({ health }) => health)).toEqual([
      'progressing',
      'progressing',
    ]);
  });

  it('keeps the evidence of one state together, at most eight events of it', () => {
    const t = new Teller();
    const events = [t.tell('service_progressing', born('i1'), about)];
    for (let i = 0; i < 12; i++)
      events.push(t.tell('mqtt_unreachable', { instance: 'i1' }, { ...about, source: 'mqtt' }));
    expect(service(folded(events))?.sources.mqtt?.evidence).toHaveLength(8);
  });

  it('a complete observation makes gone what it does not name; an incomplete one does not', () => {
    const t = new Teller();
    const start = [t.tell('service_progressing', born('i1'), about)];
    const observed = (complete: boolean) =>
      t.tell('services_observed', { complete, services: [] }, { source: 'process' });
    expect(service(folded([...start, observed(false)]))?.state).toBe('running');
    expect(service(folded([...start, observed(true)]))).toMatchObject({
      state: 'removed',
      instance: null,
      sources: {},
    });
  });

  it('an observation of the same instance keeps what its sources said, and drops sources that are not declared any more', () => {
    const t = new Teller();
    const seen = {
      name: 'web',
      managed: true,
      digest: 'd1',
      instance: 'i1',
      state: 'running',
      ports: {},
      sources: ['process'],
    };
    const world = folded([
      t.tell('service_progressing', born('i1'), about),
      t.tell('service_healthy', { instance: 'i1' }, about),
      t.tell('healthcheck_failed', { instance: 'i1' }, { ...about, source: 'healthcheck' }),
      t.tell('services_observed', { complete: true, services: [seen] }, { source: 'process' }),
    ]);
    expect(Object.keys(service(world)?.sources ?? {})).toEqual(['process']);
    expect(service(world)?.sources.process?.health).toBe('healthy');
  });
});

describe('actions', () => {
  const change = {
    id: 'redeploy-piha-web',
    type: 'redeploy',
    resource: 'service',
    node: 'piha',
    service: 'web',
    class: 'change',
    from: null,
    to: 'd2',
    parameters: {},
    risk: 'guarded',
    why: { rule: 'outdated_service', text: 'x', evidence: [] },
  };
  const of = { node: 'piha', id: change.id, ulid: '01' };

  it('only a completed change moves the approved digest', () => {
    const t = new Teller();
    const approval = { by: 'a', via: 'api', at: '2026-01-01T00:00:00.000Z', expiresAt: '2026-01-02T00:00:00.000Z' };
    const events = [
      t.tell('action_proposed', { ...of, change, planHash: 'h' }, { node: 'vps' }),
      t.tell('action_approved', { ...of, approval }, { node: 'vps' }),
      t.tell('action_started', { ...of, run: 'r' }, { node: 'vps' }),
    ];
    expect(folded(events).rows<ApprovedRow>('control', 'approved').size).toBe(0);
    const done = folded([...events, t.tell('action_completed', of, { node: 'vps' })]);
    expect(done.rows<ApprovedRow>('control', 'approved').get('piha/web')?.digest).toBe('d2');
    expect(done.rows<ActionRow>('control', 'action').get(change.id)?.state).toBe('completed');
  });

  it('a move of an older proposal changes nothing', () => {
    const t = new Teller();
    const world = folded([
      t.tell('action_proposed', { ...of, ulid: '02', change, planHash: 'h' }, { node: 'vps' }),
      t.tell('action_failed', { ...of, reason: 'late' }, { node: 'vps' }),
    ]);
    expect(world.rows<ActionRow>('control', 'action').get(change.id)).toMatchObject({
      ulid: '02',
      state: 'pending',
      failures: 0,
    });
  });
});

describe('names', () => {
  it('an alias changes the key that is folded, a pruned node leaves no ghost', () => {
    const t = new Teller();
    const events = [
      t.tell('aliases_changed', { aliases: { 'node-1': 'piha' } }, { node: 'vps' }),
      t.tell('service_progressing', born('i1'), { ...about, node: 'node-1' }),
    ];
    expect(service(folded(events))?.node).toBe('piha');
    for (const cls of EVENT_CLASSES) events.push(t.tell('rows_pruned', { node: 'piha' }, { node: 'vps', class: cls }));
    expect(service(folded(events))).toBeUndefined();
  });

  it('a type that is not known changes nothing but the ordinal', () => {
    const t = new Teller();
    expect(folded([t.tell('from_the_future', { x: 1 })]).hash()).toBe(folded([]).hash());
  });
});

const anyEvent = fc.oneof(
  fc.constantFrom('i1', 'i2').map((instance) => ({ type: 'service_progressing', data: born(instance), more: about })),
  fc
    .record({
      type: fc.constantFrom('service_healthy', 'healthcheck_failed', 'containers_not_running', 'mqtt_unreachable'),
      instance: fc.constantFrom('i1', 'i2'),
      source: fc.constantFrom('process', 'healthcheck'),
    })
    .map(({ type, instance, source }) => ({ type, data: { instance }, more: { ...about, source } })),
  fc.constant({ type: 'service_removed', data: { instance: null }, more: about }),
  fc
    .boolean()
    .map((complete) => ({ type: 'services_observed', data: { complete, services: [] }, more: { source: 'process' } })),
  fc.constantFrom('service_held', 'service_released').map((type) => ({
    type,
    data: { node: 'piha', by: 'a', ...(type === 'service_held' ? { why: 'b' } : {}) },
    more: { service: 'web' },
  })),
  fc
    .constantFrom('disk_pressure', 'memory_pressure')
    .map((type) => ({ type, data: { level: 'high', usedPercent: 95 }, more: {} })),
  fc
    .constantFrom('a', 'b')
    .map((ulid) => ({ type: 'action_output', data: { id: 'x', ulid, run: 'r', lines: [ulid] }, more: {} })),
  fc
    .constantFrom('action_run_started', 'action_run_executed')
    .map((type) => ({ type, data: { id: 'x', ulid: 'a', run: 'r', instance: null, pre: null }, more: {} })),
);

describe('properties', () => {
  const stories = fc.array(anyEvent, { maxLength: 40 }).map((told) => {
    const t = new Teller();
    return told.map(({ type, data, more }) => t.tell(type, data, more));
  });

  it('events of different classes commute', () => {
    fc.assert(
      fc.property(stories, fc.array(fc.nat(2), { minLength: 40, maxLength: 40 }), (events, picks) => {
        const streams = EVENT_CLASSES.map((cls) => events.filter((event) => event.class === cls));
        const mixed: JournalEvent[] = [];
        for (let i = 0; mixed.length < events.length; i++) {
          const open = streams.filter((stream) => stream.length > 0);
          const next = open[(picks[i % picks.length] ?? 0) % open.length]?.shift();
          if (next !== undefined) mixed.push(next);
        }
        expect(folded(mixed).hash()).toBe(folded(events).hash());
      }),
    );
  });

  it('worldHash knows no times of receipt, and a snapshot taken anywhere gives the same world', () => {
    fc.assert(
      fc.property(stories, fc.nat(40), (events, at) => {
        const late = events.map((event) => ({ ...event, receivedAt: '2030-01-01T00:00:00.000Z' }));
        expect(folded(late).hash()).toBe(folded(events).hash());
        const cut = Math.min(at, events.length);
        const first = folded(events.slice(0, cut));
        const again = World.fromTables(first.ord, JSON.parse(JSON.stringify(first.tables())));
        const fold = new Fold(again, REGISTRY);
        for (const [index, event] of events.entries()) fold.apply({ ...event, ord: index + 1 });
        expect(again.hash()).toBe(folded(events).hash());
      }),
    );
  });
});
