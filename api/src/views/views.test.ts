import { type Bundle, type HoldRow, type MaintenanceRow, type ServiceKey, type ServiceView, sha256 } from '@lab/sdk';
import { beforeEach, describe, expect, it } from 'vitest';
import { ago, NOW } from '../../testing/fixtures.ts';
import { ViewWorld } from '../../testing/view-input.ts';
import { actionViews } from './actions.ts';
import type { ViewInput } from './input.ts';
import { metricsText } from './metrics.ts';
import { nodeViews } from './nodes.ts';
import { planView } from './plan.ts';
import { previewOf } from './preview.ts';
import { serviceViews } from './services.ts';
import { showView } from './show.ts';
import { statusView } from './status.ts';

let at: ViewWorld;
beforeEach(async () => {
  at = await ViewWorld.well();
});

const service = (key: ServiceKey, more: Partial<ViewInput> = {}): ServiceView | undefined =>
  serviceViews(at.input(more)).find(({ node, name }) => `${node}/${name}` === key);
const node = (name: string) => {
  const input = at.input();
  return nodeViews(input, serviceViews(input)).find((one) => one.name === name);
};
const down = { health: 'unhealthy', cause: 'healthcheck_failed', detail: 'refused' } as const;
const held: HoldRow = { by: 'anna', why: 'new disk', at: ago(5), event: 'e' };

describe('a service as people see it', () => {
  it('is the join of what is desired, approved and running', () => {
    const digest = at.fleet.services.get('piha/broker')?.digest;
    expect(service('piha/broker')).toMatchObject({
      health: 'healthy',
      since: ago(59),
      digest: { desired: digest, approved: digest, running: digest },
      instances: [{ pid: 42, instance: 'i1', state: 'running' }],
      desired: true,
      managed: true,
    });
  });

  it('is stale with what was known while its node is silent, since its last word', () => {
    at.runs('piha/broker', {}, down);
    at.silent('piha');
    expect(service('piha/broker')).toMatchObject({ health: 'stale', was: 'unhealthy', since: ago(60) });
  });

  it('is missing only after a complete observation of the present start, else unknown', () => {
    at.world.writer('health').of('service').delete('piha/broker');
    expect(service('piha/broker')?.health).toBe('missing');
    at.links.set('piha', { connected: true, epoch: 2, caughtUp: true, lastHeardAt: NOW });
    expect(service('piha/broker')?.health).toBe('unknown');
  });

  it('that is only observed is unknown, never missing, and has no desired digest', () => {
    expect(service('vps/broker')).toMatchObject({ health: 'unknown', observed: true, digest: { desired: null } });
  });

  it('that was removed is missing, runs no digest, and is shown only while it is desired', () => {
    at.runs('piha/broker', { state: 'removed', instance: null, digest: null, sources: {} });
    expect(service('piha/broker')).toMatchObject({ health: 'missing', instances: [], digest: { running: null } });
    at.runs('piha/old', { state: 'removed', instance: null, digest: null, sources: {} });
    expect(service('piha/old')).toBeUndefined();
  });

  it('that left Git is shown while it runs', () => {
    at.runs('piha/old');
    expect(service('piha/old')).toMatchObject({ desired: false, digest: { desired: null, running: 'e'.repeat(64) } });
  });

  it('says who holds it, and what each source found', () => {
    at.set<HoldRow>('control', 'hold', 'piha/broker', held);
    at.runs('piha/broker', {}, down);
    expect(service('piha/broker')).toMatchObject({
      held: { by: 'anna', why: 'new disk', since: ago(5) },
      sources: { process: { health: 'unhealthy', cause: 'healthcheck_failed', detail: 'refused', evidence: ['e1'] } },
    });
  });
});

describe('a node as people see it', () => {
  it('is well where everything is, and says nothing of what nobody reports', () => {
    expect(node('piha')).toMatchObject({
      state: 'connected',
      lastWordAt: ago(2),
      services: 2,
      generation: 7,
      sync: { state: 'ok' },
      health: { state: 'ok', text: 'healthy' },
      config: { state: 'unknown' },
      identity: { state: 'unknown' },
    });
  });

  it('counts what is down, and what is behind', () => {
    at.runs('piha/broker', { digest: 'd'.repeat(64) }, down);
    expect(node('piha')).toMatchObject({
      health: { state: 'bad', text: '1 of 2 down' },
      sync: { state: 'wait', text: '1 behind' },
    });
  });

  it('is neither down nor behind for what a person holds, but says so', () => {
    at.set<HoldRow>('control', 'hold', 'piha/broker', held);
    at.runs('piha/broker', { state: 'exited', digest: 'd'.repeat(64) }, down);
    expect(node('piha')).toMatchObject({ health: { state: 'wait', text: '1 held' }, sync: { state: 'ok' } });
  });

  it('does not count the health of what nobody monitors', () => {
    at.runs('vps/bridge', {}, down);
    expect(node('vps')?.health).toEqual({ state: 'ok', text: 'nothing to run' });
  });

  it('that is silent shows what it was', () => {
    at.runs('piha/broker', {}, down);
    at.silent('piha');
    expect(node('piha')).toMatchObject({
      state: 'silent',
      health: { state: 'stale', text: 'was 1 of 2 down' },
      sync: { state: 'stale', text: 'was in sync' },
    });
  });

  it('is unknown, never green, where it has not spoken or nobody drives it', () => {
    at.links.delete('piha');
    for (const [name, state] of [
      ['piha', 'unseen'],
      ['saturn', 'no_provider'],
    ] as const)
      expect(node(name)).toMatchObject({ state, sync: { state: 'unknown' }, health: { state: 'unknown' } });
  });

  it('is in maintenance until that is over', () => {
    const row: MaintenanceRow = { id: 'm1', query: 'piha', until: ago(-60), reason: 'switch', by: 'anna', at: ago(1) };
    at.set<MaintenanceRow>('control', 'maintenance', 'm1', row);
    expect(node('piha')?.maintenance).toEqual({ until: ago(-60), reason: 'switch', by: 'anna' });
    expect(node('vps')?.maintenance).toBeUndefined();
    at.set<MaintenanceRow>('control', 'maintenance', 'm1', { ...row, until: ago(1) });
    expect(node('piha')?.maintenance).toBeUndefined();
  });
});

describe('status', () => {
  const settling = (more: Partial<ViewInput> = {}): readonly string[] => statusView(at.input(more)).settling;

  it('has settled where nothing moves by itself', () => {
    at.action('pending');
    at.action('completed');
    const status = statusView(at.input());
    expect(status).toMatchObject({ settled: true, settling: [], actions: { pending: 1, completed: 1, failed: 0 } });
    expect(status.pending).toHaveLength(1);
    expect(status.worldHash).toBe(at.world.hash());
  });

  it('waits for who has not spoken, who catches up, and what starts or is not known', () => {
    at.runs('piha/broker', {}, { health: 'progressing' });
    at.links.set('vps', { connected: true, epoch: 1, caughtUp: false, lastHeardAt: NOW });
    expect(settling()).toEqual(['vps is catching up', 'piha/broker is starting']);
    at.links.delete('piha');
    expect(settling()).toContain('piha has not spoken yet');
    expect(settling()).not.toContain('piha/broker is starting');
  });

  it('does not wait for what nobody monitors, is held, silent, or without a provider', () => {
    at.runs('vps/bridge', {}, { health: 'progressing' });
    at.set<HoldRow>('control', 'hold', 'piha/broker', held);
    at.runs('piha/broker', {}, { health: 'progressing' });
    expect(settling()).toEqual([]);
    at.silent('piha');
    expect(settling()).toEqual([]);
  });

  it('waits for what policy or an approval has set going, not for a window', () => {
    const { id } = at.action('pending');
    expect(settling({ auto: new Set([id]) })).toEqual([`${id} is pending`]);
    at.actions.length = 0;
    const approval = { by: 'anna', via: 'api', at: ago(1), expiresAt: ago(-60) };
    at.action('approved', { approval: { ...approval, notBefore: ago(-10) } });
    expect(settling()).toEqual([]);
    at.action('approved', { id: 'other', approval });
    at.action('running', { id: 'third' });
    expect(settling()).toEqual(['other is approved', 'third is running']);
  });

  it('is not settled while something was not looked at', () => {
    expect(settling({ busy: true })).toEqual(['what just happened is being planned']);
  });

  it('as metrics counts each state, also those of which there are none', () => {
    at.action('pending');
    const text = metricsText(statusView(at.input()), 12);
    for (const line of [
      'lab_services{health="healthy"} 3',
      'lab_services{health="stale"} 0',
      'lab_nodes{state="no_provider"} 1',
      'lab_actions{state="pending"} 1',
      'lab_journal_events_total 12',
      'lab_settled 1',
    ])
      expect(text.split('\n')).toContain(line);
    expect(text.endsWith('\n')).toBe(true);
  });
});

describe('actions as people see them', () => {
  it('come oldest first, those of the states that are asked for, with the live why where there is one', () => {
    const [first, second] = [at.action('pending'), at.action('failed', { id: 'other' })];
    expect(actionViews(at.input()).map(({ id }) => id)).toEqual([first.id, second.id]);
    expect(actionViews(at.input(), ['failed']).map(({ id }) => id)).toEqual(['other']);
    const why = { rule: 'now', text: 'live', evidence: [] };
    expect(actionViews(at.input({ why: () => why }))[0]?.why).toEqual(why);
  });

  it('say what they wait for', () => {
    const approval = { by: 'anna', via: 'api', at: ago(1), expiresAt: ago(-60) };
    at.action('pending');
    at.action('approved', { id: 'two', approval });
    at.action('approved', { id: 'three', approval: { ...approval, notBefore: ago(-10) } });
    at.action('completed', { id: 'four' });
    expect(actionViews(at.input()).map(({ why }) => [why.waitsFor, why.nextTry])).toEqual([
      ['approval', undefined],
      ['its turn', undefined],
      ['window', ago(-10)],
      [undefined, undefined],
    ]);
  });
});

describe('the plan as people see it', () => {
  it('is what is open, with its preview, counted by what it does', async () => {
    const to = at.fleet.services.get('piha/broker')?.digest ?? '';
    at.action('pending');
    at.action('running', { id: 'two', from: 'f'.repeat(64), to });
    at.action('approved', { id: 'three', class: 'heal', from: to, to });
    at.action('pending', { id: 'four', class: 'remove', from: to, to: null });
    at.action('completed', { id: 'five' });
    const waiting = [{ node: 'saturn', service: null, id: null, why: { rule: 'no_provider', text: '', evidence: [] } }];
    const view = await planView(at.input({ waiting }), async (digest) => at.fleet.bundles.get(digest ?? ''));
    expect(view.summary).toEqual({ change: 1, add: 1, remove: 1, heal: 1, waits: 1 });
    expect(view.items.map(({ action }) => action.id)).toEqual(['redeploy-piha-broker', 'two', 'three', 'four']);
    expect(view.items[0]?.files).toContainEqual({ path: 'broker.mjs', kind: 'add' });
    expect(view.items[2]?.files).toEqual([]);
    const some = await planView(
      at.input({ waiting }),
      async () => undefined,
      ({ id }) => id === 'two',
    );
    expect(some.items).toHaveLength(1);
    expect([some.waiting, some.summary.waits], 'what was not asked for does not wait here').toEqual([[], 0]);
  });
});

describe('a preview', () => {
  const bundle = (files: Readonly<Record<string, string | Buffer>>, mode = 0o644, env = {}): Bundle => ({
    digest: 'a'.repeat(64),
    service: 'web',
    files: Object.entries(files).map(([path, content]) => {
      const bytes = Buffer.from(content);
      return { path, mode, sha256: sha256(bytes), content: bytes.toString('base64') };
    }),
    definition: { runtime: 'process', env, labels: {}, dependsOn: [], update: 'replace' },
  });

  it('has exactly the lines that change', () => {
    const files = previewOf(bundle({ a: 'one\ntwo\nthree\nfour\n' }), bundle({ a: 'one\nzwei\nthree\nfour\n' }));
    expect(files).toEqual([{ path: 'a', kind: 'change', diff: ' one\n-two\n+zwei\n three' }]);
  });

  it('names what comes and goes, and nothing that stays', () => {
    expect(previewOf(bundle({ a: '1', b: '2' }), bundle({ b: '2', c: '3' }))).toEqual([
      { path: 'a', kind: 'remove' },
      { path: 'c', kind: 'add' },
    ]);
    expect(previewOf(bundle({ a: '1' }), bundle({ a: '1' }))).toEqual([]);
    expect(previewOf(undefined, bundle({ a: '1' }))).toEqual([{ path: 'a', kind: 'add' }]);
  });

  it('shows a mode, the definition line by line, and no bytes of what is no text', () => {
    expect(previewOf(bundle({ a: '1' }), bundle({ a: '1' }, 0o755))).toEqual([
      { path: 'a', kind: 'change', diff: 'mode 644 → 755' },
    ]);
    expect(previewOf(bundle({}), bundle({}, 0o644, { TZ: 'UTC' }))).toMatchObject([
      { path: 'service definition', kind: 'change', diff: expect.stringContaining('+env.TZ: UTC') },
    ]);
    const binary = previewOf(bundle({ a: Buffer.from([0, 1]) }), bundle({ a: Buffer.from([0, 2]) }));
    expect(binary).toEqual([{ path: 'a', kind: 'change' }]);
  });
});

describe('show', () => {
  const show = (name: string, asked: object[] = []) =>
    showView(
      at.input(),
      name,
      async (digest) => at.fleet.bundles.get(digest ?? ''),
      async (about) => {
        asked.push(about);
        return [];
      },
    );

  it('finds a node, a service, an action by its id, and one of several by its ULID', async () => {
    const [old, young] = [at.action('failed'), at.action('pending')];
    expect(await show('piha')).toMatchObject({ kind: 'node', services: [{ name: 'bridge' }, { name: 'broker' }] });
    expect(await show('piha/broker')).toMatchObject({ kind: 'service', service: { health: 'healthy' } });
    expect(await show(`${young.id}@${young.ulid}`)).toMatchObject({ kind: 'action', action: { state: 'pending' } });
    expect(await show(`${old.id}@${old.ulid}`)).toMatchObject({ kind: 'action', action: { state: 'failed' } });
  });

  it('of an id shows the proposal that is open, rather than one that ended', async () => {
    at.action('pending');
    at.action('failed');
    expect(await show('redeploy-piha-broker')).toMatchObject({ action: { state: 'pending' } });
  });

  it('says through which line each thing came', async () => {
    expect((await show('piha/broker')).through).toContainEqual(
      expect.objectContaining({ at: expect.stringMatching(/^(inventory|hosts|services)\/.+:\d+$/) }),
    );
    at.action('pending');
    for (const { what } of (await show('redeploy-piha-broker')).through) expect(what).toMatch(/^policy\./);
  });

  it('asks for the events of what it shows', async () => {
    const asked: object[] = [];
    await show('piha', asked);
    await show('piha/broker', asked);
    expect(asked).toEqual([{ node: 'piha' }, { node: 'piha', service: 'broker' }]);
  });

  it('knows what there is not', async () => {
    for (const name of ['nothing', 'piha/nothing', 'a/b/c'])
      await expect(show(name)).rejects.toMatchObject({ code: 'not_found' });
  });
});
