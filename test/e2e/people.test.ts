/** What people do: stop, start, restart, maintenance, cancel, and moving the files themselves. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeView } from '@lab/sdk';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { alive, kill9, Machine } from './machine.ts';
import { BOLD, smallFleet } from './small-fleet.ts';
import { pause, until } from './until.ts';

const COW = 'barn/cow';
const RESTART = 'container-restart-barn-cow';
/** Two turns of whatever looks once a second. */
const TWO_LOOKS_MS = 2_200;

let machine: Machine;

beforeAll(async () => {
  machine = await Machine.make({
    fleet: smallFleet({ hosts: { hut: 'stove: {}', barn: 'cow: {}, hen: {}' }, policies: [BOLD] }),
  });
  await machine.up();
});
afterAll(() => machine.cleanup());

const pending = () => machine.folder('pending');

async function killed(): Promise<number> {
  const pid = await machine.pid(COW);
  kill9(pid);
  await machine.action(RESTART, 'pending');
  return pid;
}

describe('lab stop, start, restart', () => {
  it('a stopped service is held: by whom, why and since when is shown, and nothing is proposed', async () => {
    const pid = await machine.pid(COW);
    const stopped = await machine.lab(['stop', COW, '--reason', 'moving house']);
    expect(stopped.code).toBe(0);
    expect(alive(pid)).toBe(false);
    const service = await machine.service(COW);
    expect(service.held).toMatchObject({ by: expect.stringMatching(/^anna@/), why: 'moving house' });
    expect((await machine.lab('services')).stdout).toMatch(/^barn\/cow .*held.*anna@.*moving house/m);
    const { stdout } = await machine.lab('status');
    expect(stdout).toMatch(/^all is well|^nothing needs you|held/);
    expect(stdout).toMatch(/moving house/);
    await pause(TWO_LOOKS_MS);
    expect(pending()).toEqual([]);
    expect((await machine.lab('plan')).stdout).toMatch(/cow waits: stopped by anna@\S+ at \d\d:\d\d UTC: moving house/);
  });

  it('start releases it and it runs the approved digest', async () => {
    const { digest } = await machine.service(COW);
    const started = await machine.lab(`start ${COW}`);
    expect(started.code).toBe(0);
    const service = await machine.healthy(COW);
    expect(service.held).toBeUndefined();
    expect(service.digest.running).toBe(digest.approved);
  });

  it('restart makes a new instance, and is audited under the name of who asked', async () => {
    const pid = await machine.pid(COW);
    expect((await machine.lab(['restart', COW, '--reason', 'it stares'])).code).toBe(0);
    await machine.healthy(COW, pid);
    expect((await machine.lab('audit')).stdout).toMatch(/anna@\S+ .* approve +restart-barn-cow .*it stares/);
    expect((await machine.lab('audit verify')).code).toBe(0);
  });

  it('start where it was stopped while it was broken clears the proposal too', async () => {
    await killed();
    expect((await machine.lab(`start ${COW}`)).code).toBe(0);
    await machine.healthy(COW);
    expect(pending()).toEqual([]);
    const gone = await machine.action(RESTART, 'cancelled');
    expect(gone.outcome?.reason).toBe('superseded');
  });

  it('says what there is no service to stop, and what is only observed', async () => {
    const unknown = await machine.lab('stop barn/cwo');
    expect(unknown.code).toBe(3);
    expect(unknown.stderr).toMatch(/^error: there is no service barn\/cwo\n {2}see what there is: lab services/);
    expect((await machine.lab('stop cow')).code).toBe(2);
  });
});

describe('lab maintenance', () => {
  it('keeps proposals waiting with its reason, and lets them come when it is over', async () => {
    const on = await machine.lab(['maintenance', 'on', 'node:barn', '--for', '2h', '--reason', 'new switch']);
    expect(on.code).toBe(0);
    kill9(await machine.pid(COW));
    const waits = await until('what waits', async () =>
      (await machine.status()).waiting.find(({ why }) => why.waitsFor === 'maintenance'),
    );
    expect(waits.why.text).toMatch(/maintenance.*new switch/);
    expect(pending()).toEqual([]);
    const status = await machine.lab('status');
    expect(status.stdout).toMatch(/^barn +maintenance /m);
    expect(status.stdout).toMatch(/new switch/);
    const nodes = await machine.get<NodeView[]>('/v1/nodes');
    expect(nodes.find(({ name }) => name === 'barn')?.maintenance).toMatchObject({ reason: 'new switch' });
    const list = await machine.lab('maintenance list');
    expect(list.stdout).toMatch(/node:barn.*new switch/);
    const off = await machine.lab('maintenance off node:barn');
    expect(off.code).toBe(0);
    const action = await machine.action(RESTART, 'pending');
    expect((await machine.lab(`approve ${action.id} --yes --wait`)).code).toBe(0);
    await machine.healthy(COW);
  });

  it('refuses to end what is not on', async () => {
    const off = await machine.lab('maintenance off nothing');
    expect(off.code).toBe(3);
    expect(off.stderr).toMatch(/^error: no maintenance nothing is on/);
  });
});

describe('lab cancel', () => {
  it('cancels a pending one, with who and why', async () => {
    await killed();
    const { code } = await machine.lab(['cancel', RESTART, '--reason', 'wrong cow']);
    expect(code).toBe(0);
    const cancelled = await machine.action(RESTART, 'cancelled');
    expect(cancelled.outcome).toMatchObject({ reason: 'wrong cow', by: expect.stringMatching(/^anna@/) });
    await machine.action(RESTART, 'pending');
    expect((await machine.lab(`approve ${RESTART} --yes --wait`)).code).toBe(0);
  });

  it('says what has ended already', async () => {
    const { code, stderr } = await machine.lab(`cancel ${RESTART}`);
    expect(code).toBe(5);
    expect(stderr).toMatch(new RegExp(`^error: ${RESTART} has ended: it is completed`));
  });
});

describe('files moved by hand', () => {
  beforeEach(async () => {
    await machine.healthy(COW);
  });

  it('from pending to approved is an approval, by file', async () => {
    const pid = await killed();
    const actions = join(machine.root, 'actions');
    await rename(join(actions, 'pending', `${RESTART}.json`), join(actions, 'approved', `${RESTART}.json`));
    await machine.healthy(COW, pid);
    const done = await until('it to be completed', async () => {
      const action = await machine.action(RESTART, 'completed');
      return action.approval?.via === 'file' ? action : undefined;
    });
    expect(done.approval?.by).toBe('file');
  });

  it('one removed from pending is cancelled, and made anew while the drift holds', async () => {
    await killed();
    const { ulid } = machine.file('pending', `${RESTART}.json`);
    await rename(join(machine.root, 'actions/pending', `${RESTART}.json`), join(machine.dir, 'kept.json'));
    const again = await until('another proposal', async () => {
      const action = await machine.action(RESTART, 'pending');
      return action.ulid === ulid ? undefined : action;
    });
    // The old file put into approved/ is an approval of an incident that is over.
    await rename(join(machine.dir, 'kept.json'), join(machine.root, 'actions/approved', `${RESTART}.json`));
    await until('it to be taken away', () => !existsSync(join(machine.root, 'actions/approved', `${RESTART}.json`)));
    expect(machine.file('pending', `${RESTART}.json`).ulid).toBe(again.ulid);
    expect(alive(machine.living().get(COW) ?? 0)).toBe(false);
    expect((await machine.lab(`approve ${RESTART} --yes --wait`)).code).toBe(0);
  });
});

describe('garbage', () => {
  const GARBAGE: Readonly<Record<string, string>> = {
    'actions/pending/redeploy-barn-hen.json': '{"id":"redeploy-barn-hen"',
    'actions/pending/outside.json': JSON.stringify({ id: '../../etc/passwd', type: 'redeploy' }),
    'actions/approved/nonsense.json': '\u0000\u0001\u0002',
    'actions/running/made-up.json': '[]',
    'actions/completed/empty.json': '',
    'events/inbox/junk.jsonl': 'not json\n{"type":"nothing_known","node":"barn","data":{}}\n\u0000\n',
  };

  it('in the folders of actions and the inbox is set aside with its reason, and the loop goes on', async () => {
    await mkdir(join(machine.root, 'events/inbox'), { recursive: true });
    for (const [path, text] of Object.entries(GARBAGE)) {
      await writeFile(join(machine.root, `${path}.tmp`), text);
      await rename(join(machine.root, `${path}.tmp`), join(machine.root, path));
    }
    await until('all of it to be gone', () =>
      Object.keys(GARBAGE).every((path) => !existsSync(join(machine.root, path))),
    );
    const reasons = readdirSync(join(machine.root, 'quarantine'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.reason') || name.endsWith('.reason.txt') || name.includes('reason'))
      .map((name) => readFileSync(join(machine.root, 'quarantine', name), 'utf8'));
    expect(reasons.length).toBeGreaterThanOrEqual(Object.keys(GARBAGE).length - 1);
    expect(machine.journal().filter(({ type }) => type === 'file_quarantined').length).toBeGreaterThanOrEqual(5);
    await killed();
    expect((await machine.lab(`approve ${RESTART} --yes --wait`)).code).toBe(0);
    expect((await machine.lab('status')).code).toBe(0);
  });
});
