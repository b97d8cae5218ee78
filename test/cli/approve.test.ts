/** Approving names what was seen. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { actionView, ago, nodeView, plan, REDEPLOY, RESTART } from '@lab/api/testing/fixtures';
import { describe, expect, it } from 'vitest';
import { FakeHub } from './fake-hub.ts';

const { id, ulid, planHash } = REDEPLOY;
const CHANGED = actionView(id, {
  ulid: '01KAG0000000000000000000ZZ',
  to: `c03d7f0${'0'.repeat(57)}`,
  createdAt: ago(4),
});

describe('lab approve', () => {
  it.each([['status'], ['plan'], ['actions'], ['actions --why'], [`show ${id}`]])(
    'sends what lab %s has shown',
    async (words) => {
      await using hub = await FakeHub.start();
      await hub.lab(words.split(' '));
      expect(await hub.lab(['approve', id])).toMatchObject({ code: 0, out: 'approved\n' });
      expect(hub.plane.calls).toMatchObject([{ what: `approve ${id}`, with: { hash: planHash, ulid } }]);
    },
  );

  it.each([['status -o json'], ['services']])('lab %s shows it to nobody', async (words) => {
    await using hub = await FakeHub.start();
    await hub.lab(words.split(' '));
    const { code, err } = await hub.lab(['approve', id]);
    expect({ code, err }).toEqual({
      code: 2,
      err: `error: ${id} was not shown to you yet\n  see it first: lab show ${id}\n  or name it: --hash ${planHash.slice(0, 7)}, or --yes for whatever it is\n`,
    });
    expect(hub.plane.calls).toEqual([]);
  });

  it('keeps what was seen for its user alone', async () => {
    await using hub = await FakeHub.start();
    await hub.lab(['status']);
    const path = join(hub.root, 'state', `seen-${process.getuid?.()}.json`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(path, 'utf8'))[id]).toMatchObject({ ulid, planHash });
  });

  it('where the root is not ours it is kept at home', async () => {
    await using hub = await FakeHub.start();
    const env = { LAB_ROOT: join(hub.root, 'elsewhere'), XDG_STATE_HOME: join(hub.root, 'home') };
    await hub.lab(['status'], { env });
    expect(await hub.lab(['approve', id], { env })).toMatchObject({ code: 0 });
  });

  it('is stale when the change became another, and says from what to what', async () => {
    await using hub = await FakeHub.start();
    await hub.lab(['status']);
    hub.plane.put(CHANGED);
    const { code, out, err } = await hub.lab(['approve', id]);
    expect({ code, out }).toEqual({ code: 5, out: '' });
    expect(err).toBe(
      `error: this approval is stale\n  you saw 41d0a77 → 9f31c2e (${planHash.slice(0, 7)}); since 4 s ago the change is 41d0a77 → c03d7f0 (${CHANGED.planHash.slice(0, 7)})\n  see it: lab show ${id}\n`,
    );
    await hub.lab(['show', id]);
    expect((await hub.lab(['approve', id])).code).toBe(0);
  });

  it('of an earlier incident does not serve the next, though the change is the same', async () => {
    await using hub = await FakeHub.start();
    await hub.lab(['status']);
    hub.plane.put({ ...REDEPLOY, ulid: CHANGED.ulid, createdAt: ago(4) });
    const { code, err } = await hub.lab(['approve', id]);
    expect(code).toBe(5);
    expect(err).toContain('you saw the proposal of an earlier incident; since 4 s ago there is a new one');
  });

  it('takes a hash, a proposal, or yes', async () => {
    await using hub = await FakeHub.start();
    expect((await hub.lab(['approve', id, '--hash', '0000000'])).code).toBe(5);
    expect((await hub.lab(['approve', id, '--hash', 'xyz'])).code).toBe(2);
    expect((await hub.lab(['approve', `${id}@${CHANGED.ulid}`, '--yes'])).code).toBe(5);
    expect((await hub.lab(['approve', id, '--hash', planHash.slice(0, 7), '--note', 'fine', '--now'])).code).toBe(0);
    expect(hub.plane.calls.at(-1)?.with).toEqual({ hash: planHash.slice(0, 7), note: 'fine', now: true });
    expect((await hub.lab(['approve', id, '--yes'])).code).toBe(5);
    expect((await hub.lab(['approve', 'nothing', '--yes'])).code).toBe(3);
  });

  it('asks a person who has not seen it', async () => {
    await using hub = await FakeHub.start();
    const no = await hub.lab(['approve', id], { answers: ['n'] });
    expect(no).toMatchObject({ code: 1, out: '' });
    expect(no.err).toContain('registry.lan/agent-system:1.8.3');
    expect(hub.plane.calls).toEqual([]);
    await using other = await FakeHub.start();
    expect(await other.lab(['approve', id], { answers: ['yes'] })).toMatchObject({ code: 0, out: 'approved\n' });
    expect(other.plane.calls).toMatchObject([{ with: { hash: planHash, ulid } }]);
  });

  it('says that it waits for its window, or for its node', async () => {
    await using hub = await FakeHub.start();
    hub.plane.onApproved = () => undefined;
    const approve = hub.plane.approve.bind(hub.plane);
    hub.plane.approve = async (...args) => {
      const action = await approve(...args);
      return {
        ...action,
        approval: { by: 'ada', via: 'api', at: ago(0), expiresAt: ago(-99_999), notBefore: ago(-8 * 3600) },
      };
    };
    expect(await hub.lab(['approve', id, '--yes'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^approved for \d\d:02, when its window opens \(--now to do it at once\)\n$/),
    });
    hub.plane.fleet.nodes = [nodeView('chelsty-infra', { state: 'silent' })];
    expect(await hub.lab(['approve', RESTART.id, '--yes'])).toMatchObject({
      code: 7,
      out: expect.stringContaining('queued'),
    });
  });

  it('--wait follows it: what it prints is on stdout, and a failure is 1 with its diagnosis', async () => {
    await using hub = await FakeHub.start();
    hub.plane.onApproved = () => {
      hub.plane.move(id, 'start');
      hub.plane.move(id, 'fail', {
        outcome: { at: ago(0), reason: 'not healthy in time', diagnosis: 'exit code 1\nno space left' },
      });
    };
    const { code, out, err } = await hub.lab(['approve', id, '--yes', '--wait']);
    expect({ code, out }).toEqual({ code: 1, out: 'one\ntwo\n' });
    expect(err).toBe(`■ ${id} failed: not healthy in time\n  exit code 1\n  no space left\n`);
  });

  it('Ctrl-C leaves what was approved alone', async () => {
    await using hub = await FakeHub.start();
    hub.plane.onApproved = () => void hub.plane.move(id, 'start');
    const { err } = await hub.lab(['approve', id, '--yes', '--wait'], { interruptAt: 'runs' });
    expect(err).toContain('what was approved goes on');
    expect((await hub.plane.actions(['running'])).map((action) => action.id)).toEqual([id]);
  });
});

describe('lab apply', () => {
  const both = (hub: FakeHub) => {
    hub.plane.planned = plan({ items: [REDEPLOY, RESTART].map((action) => ({ action, files: [] })) });
    hub.plane.onApproved = (action) => {
      hub.plane.move(action.id, 'start');
      hub.plane.move(action.id, 'complete');
    };
  };

  it('approves what lab plan has shown and follows it', async () => {
    await using hub = await FakeHub.start();
    both(hub);
    await hub.lab(['plan']);
    const { code, out } = await hub.lab(['apply', '--note', 'tidy']);
    expect({ code, out }).toEqual({ code: 0, out: '2 completed\n' });
    expect(hub.plane.calls.map((call) => call.with)).toEqual([
      { ulid, hash: planHash, note: 'tidy' },
      { ulid: RESTART.ulid, hash: RESTART.planHash, note: 'tidy' },
    ]);
    expect(await hub.lab(['apply'])).toMatchObject({ code: 0, out: expect.stringMatching(/^nothing to /) });
  });

  it('off a terminal nothing that was not shown: 2, or 6 for what is left', async () => {
    await using hub = await FakeHub.start();
    both(hub);
    expect((await hub.lab(['apply'])).code).toBe(2);
    await hub.lab(['show', id]);
    const { code, err } = await hub.lab(['apply']);
    expect({ code, left: err.includes('1 action not shown to you yet') }).toEqual({ code: 6, left: true });
    expect(hub.plane.calls.map((call) => call.what)).toEqual([`approve ${id}`]);
  });

  it('refuses what became another since: 5', async () => {
    await using hub = await FakeHub.start();
    both(hub);
    await hub.lab(['plan']);
    hub.plane.put(CHANGED);
    const { code, err } = await hub.lab(['apply']);
    expect({ code, said: err.includes(`${id} was refused: stale`) }).toEqual({ code: 5, said: true });
  });

  it('a person is shown and asked, and has a moment to undo several', async () => {
    await using hub = await FakeHub.start();
    both(hub);
    expect(await hub.lab(['apply'], { answers: ['no'] })).toMatchObject({ code: 1 });
    const undone = await hub.lab(['apply'], { answers: ['y'], interruptAt: 'in 3 s' });
    expect(undone).toMatchObject({ code: 1, err: expect.stringContaining('undone: nothing was approved') });
    expect(hub.plane.calls).toEqual([]);
    const held = await hub.lab(['apply'], { columns: 100 });
    expect(held).toMatchObject({ code: 0, err: expect.stringContaining('approving 2 actions in 1 s') });
  });

  it('--no-hold does not wait, one action needs no hold', async () => {
    await using hub = await FakeHub.start();
    both(hub);
    const { code, err } = await hub.lab(['apply', '--yes', '--no-hold'], { columns: 100 });
    expect({ code, held: err.includes('Ctrl-C') }).toEqual({ code: 0, held: false });
  });

  it('6 where a window is waited for, 7 where a node is out of reach, 1 where one fails', async () => {
    await using hub = await FakeHub.start();
    both(hub);
    hub.plane.onApproved = (action) => {
      if (action.id !== id) return;
      hub.plane.put({
        ...action,
        approval: { by: 'ada', via: 'api', at: ago(0), expiresAt: ago(-99_999), notBefore: ago(-3600) },
      });
    };
    hub.plane.planned = plan({ items: [{ action: REDEPLOY, files: [] }] });
    expect(await hub.lab(['apply', '--yes'])).toMatchObject({ code: 6, out: '1 waits\n' });
    hub.plane.fleet.nodes = [nodeView('chelsty-infra', { state: 'silent' })];
    hub.plane.planned = plan({ items: [{ action: RESTART, files: [] }] });
    expect(await hub.lab(['apply', '--yes'])).toMatchObject({ code: 7, out: '1 queued\n' });
    const gone = actionView('redeploy-vps-x', { node: 'vps', service: 'x' });
    hub.plane.put(gone);
    hub.plane.planned = plan({ items: [{ action: gone, files: [] }] });
    hub.plane.onApproved = () => void hub.plane.move(gone.id, 'fail', { outcome: { at: ago(0), reason: 'expired' } });
    expect(await hub.lab(['apply', '--yes'])).toMatchObject({ code: 1 });
  });
});
