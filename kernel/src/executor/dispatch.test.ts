import { type Fleet, planHash, type StatedAction } from '@lab/sdk';
import { describe, expect, it } from 'vitest';
import { dispatch } from './dispatch.ts';
import { makeGrant } from './grant.ts';

const NOW = Date.UTC(2026, 0, 1);
const at = (ms: number): string => new Date(NOW + ms).toISOString();

/** `node/service` to its wave and what it depends on. */
function fleet(services: Record<string, [wave: number, dependsOn?: string[]]>, parallel = 10): Fleet {
  const entries = Object.entries(services).map(([key, [wave, dependsOn = []]]) => [
    key,
    { wave, dependsOn, verifyMs: 33_000 },
  ]);
  return {
    services: new Map(entries as never),
    settings: { parallel, verifyMs: 120_000, timeoutMs: { restart: 60_000, redeploy: 600_000, cleanup: 500_000 } },
  } as unknown as Fleet;
}

let count = 0;
function action(key: string, more: Partial<StatedAction> = {}, window?: number): StatedAction {
  const [node = '', service = ''] = key.split('/');
  const change = {
    id: `redeploy-${node}-${service}`,
    type: 'redeploy',
    resource: 'service',
    node,
    service,
    class: 'change' as const,
    from: null,
    to: 'a'.repeat(64),
    parameters: {},
    risk: 'guarded' as const,
    why: { rule: 'outdated_service', text: '', evidence: [] },
  };
  const notBefore = window === undefined ? {} : { notBefore: at(window) };
  return {
    ...change,
    ulid: `01K0000000${(++count).toString().padStart(16, '0')}`,
    planHash: planHash(change),
    createdAt: at(-9_000),
    state: 'approved',
    approval: { by: 'paul@saturn', via: 'api', at: at(-5_000), ...notBefore, expiresAt: at((window ?? 0) + 60_000) },
    ...more,
  };
}

function run(
  of: Fleet,
  approved: StatedAction[],
  running: StatedAction[] = [],
  now = NOW,
  reachable?: (node: string) => boolean,
) {
  const queue = dispatch({ approved, running, fleet: of, now, ...(reachable === undefined ? {} : { reachable }) });
  return {
    start: queue.start.map((one) => one.id),
    expire: queue.expire.map((one) => one.id),
    waiting: Object.fromEntries(queue.waiting.map((one) => [one.id, one.waitsFor])),
  };
}

describe('dispatch', () => {
  it('starts one at a time on a node, the lowest wave first', () => {
    const of = fleet({ 'a/app': [1], 'a/broker': [0], 'b/app': [0] });
    const approved = [action('a/app', { class: 'heal' }), action('a/broker', { class: 'heal' }), action('b/app')];
    expect(run(of, approved)).toEqual({
      start: ['redeploy-a-broker', 'redeploy-b-app'],
      expire: [],
      waiting: { 'redeploy-a-app': 'node_busy' },
    });
    expect(run(of, approved, [action('b/other', { state: 'running', class: 'heal' })]).waiting).toMatchObject({
      'redeploy-b-app': 'node_busy',
    });
  });

  it('names the same one again until it runs', () => {
    const of = fleet({ 'a/x': [0], 'a/y': [0] });
    const approved = [action('a/x'), action('a/y')];
    const first = run(of, approved).start;
    expect(run(of, approved.toReversed()).start).toEqual(first);
  });

  it('bounds what runs across the fleet', () => {
    const of = fleet({ 'a/x': [0], 'b/x': [0], 'c/x': [0] }, 2);
    const queue = run(of, [action('b/x'), action('c/x')], [action('a/x', { state: 'running' })]);
    expect(queue.start).toEqual(['redeploy-b-x']);
    expect(queue.waiting).toEqual({ 'redeploy-c-x': 'slots' });
  });

  it('holds a change back while a lower wave of the fleet is under way, but never a heal', () => {
    const of = fleet({ 'a/dns': [0], 'b/app': [2], 'c/app': [2] });
    const queue = run(
      of,
      [action('b/app'), action('c/app', { class: 'heal' })],
      [action('a/dns', { state: 'running' })],
    );
    expect(queue.start).toEqual(['redeploy-c-app']);
    expect(queue.waiting).toEqual({ 'redeploy-b-app': 'wave' });
  });

  it('lets what a service depends on go first, near or far', () => {
    const of = fleet({ 'a/app': [2, ['mid']], 'a/mid': [1, ['broker']], 'a/broker': [0], 'b/x': [0] }, 1);
    const queue = run(
      of,
      [action('a/app', { class: 'heal' }), action('a/broker', { class: 'heal' })],
      [action('b/x', { state: 'running', class: 'heal' })],
    );
    expect(queue.start).toEqual([]);
    expect(queue.waiting).toEqual({ 'redeploy-a-broker': 'slots', 'redeploy-a-app': 'dependency' });
  });

  it('does not let a node that is out of reach hold up the others', () => {
    const of = fleet({ 'gone/dns': [0], 'b/app': [1], 'c/app': [1] }, 2);
    const approved = [action('gone/dns'), action('b/app'), action('c/app')];
    const queue = run(of, approved, [], NOW, (node) => node !== 'gone');
    expect(queue.start).toEqual(['redeploy-gone-dns', 'redeploy-b-app', 'redeploy-c-app']);
    expect(queue.waiting).toEqual({ 'redeploy-gone-dns': 'unreachable' });
  });

  it('waits for a window, holds nobody up meanwhile, and fails what nobody started in time', () => {
    const of = fleet({ 'a/dns': [0], 'a/app': [1] });
    const approved = [action('a/dns', {}, 3_600_000), action('a/app')];
    expect(run(of, approved)).toEqual({
      start: ['redeploy-a-app'],
      expire: [],
      waiting: { 'redeploy-a-dns': 'window' },
    });
    expect(run(of, approved, [], NOW + 3_600_000)).toMatchObject({
      start: ['redeploy-a-dns'],
      expire: ['redeploy-a-app'],
    });
    // At the expiry itself a node may just have begun, and its word is on the way.
    expect(run(of, approved, [], NOW + 61_000).expire).toEqual([]);
  });

  it('loses nothing: every action starts, waits or expires', () => {
    const of = fleet({ 'a/x': [0], 'a/y': [1, ['x']], 'b/x': [0], 'c/x': [3] }, 2);
    const approved = [
      action('a/x'),
      action('a/y'),
      action('b/x'),
      action('c/x'),
      action('d/unknown'),
      action('b/z', { service: null }),
    ];
    const queue = dispatch({ approved, running: [], fleet: of, now: NOW });
    const named = new Set([...queue.start, ...queue.expire, ...queue.waiting].map((one) => one.id));
    expect([...named].sort()).toEqual(approved.map((one) => one.id).sort());
  });
});

describe('a grant', () => {
  it('is bound to node, proposal and planHash, with the times of its verb', () => {
    const of = fleet({ 'a/x': [0] });
    const approved = action('a/x', {}, 5_000);
    const grant = makeGrant(approved, 7, of);
    expect(grant).toMatchObject({
      ulid: approved.ulid,
      node: 'a',
      planHash: approved.planHash,
      generation: 7,
      notBefore: at(5_000),
      expiresAt: at(65_000),
      timeoutMs: 600_000,
      verifyMs: 33_000,
      by: 'paul@saturn',
    });
    expect(planHash(grant.change)).toBe(grant.planHash);
    expect(makeGrant(action('a/x', { type: 'container_restart' }), 1, of).timeoutMs).toBe(60_000);
    expect(makeGrant(action('a/x', { type: 'disk_cleanup', service: null }), 1, of)).toMatchObject({
      timeoutMs: 500_000,
      verifyMs: 120_000,
    });
  });

  it('is not made of what nobody approved', () => {
    const { approval: _approval, ...pending } = action('a/x', { state: 'pending' });
    expect(() => makeGrant(pending, 1, fleet({}))).toThrow('never approved');
  });
});
