import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Audit } from '@lab/kernel/actions/audit';
import { ByHand, type Hand } from '@lab/kernel/actions/by-hand';
import { ActionStore } from '@lab/kernel/actions/store';
import { NodeDisk } from '@lab/kernel/disk/node-disk';
import { ACTION_STATES, type Action, LabError, planHash } from '@lab/sdk';
import { FakeClock, KeptLog } from '@lab/sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { approval, change, counting, DIR, type House, openHouse, PAUL, patchFor, walk } from './house.ts';
import { Machine } from './power-cut.ts';

const ID = 'container-restart-piha-web';

interface Desk extends House {
  readonly byHand: ByHand;
  readonly hands: Hand[];
  readonly refused: string[];
  /** Two looks: what stands still counts. */
  look(): Promise<void>;
}

/** A house whose hands go the way of the API, as the hub does it. */
async function openDesk(machine: Machine, stale?: string, ulid = counting()): Promise<Desk> {
  const house = await openHouse(machine.disk(), ulid);
  const hands: Hand[] = [];
  const refused: string[] = [];
  const byHand = new ByHand({
    store: house.store,
    disk: house.disk,
    dir: DIR,
    log: house.log,
    clock: house.clock,
    quarantine: house.ports.quarantine,
    onHand: async (hand) => {
      hands.push(hand);
      if (stale !== undefined) throw new LabError('stale', stale);
      const { id, ulid: of } = hand.action;
      await house.store.move(id, of, hand.move, patchFor(hand.move, hand.reason), { by: 'file', via: 'file' });
    },
    onRefused: async (path, reason) => {
      refused.push(`${path.slice(DIR.length + 1)}: ${reason}`);
    },
  });
  const look = async (): Promise<void> => {
    for (let n = 0; n < 2; n++) await byHand.scan();
  };
  return { ...house, byHand, hands, refused, look };
}

async function filesOf(desk: Desk): Promise<string[]> {
  const folders = ACTION_STATES.map(async (state) =>
    (await desk.disk.list(`${DIR}/${state}`)).map((name) => `${state}/${name}`),
  );
  return (await Promise.all(folders)).flat();
}

async function expectSound(machine: Machine, desk: Desk): Promise<void> {
  const again = await openHouse(machine.disk());
  expect(again.store.list().map(({ ulid, state }) => [ulid, state])).toEqual(
    desk.store.list().map(({ ulid, state }) => [ulid, state]),
  );
  expect(await again.audit.verify()).toMatchObject({ ok: true });
}

describe('a file moved by hand', () => {
  for (const [folder, move, state] of [
    ['approved', 'approve', 'approved'],
    ['rejected', 'reject', 'rejected'],
    ['cancelled', 'cancel', 'cancelled'],
  ] as const) {
    it(`into ${folder}/ counts, once it stands still`, async () => {
      const machine = new Machine();
      const desk = await openDesk(machine);
      const action = await desk.store.propose(change(), PAUL);
      await desk.disk.move(`${DIR}/pending/${ID}.json`, `${DIR}/${folder}/${ID}.json`);
      await desk.byHand.scan();
      expect(desk.hands).toEqual([]);
      await desk.byHand.scan();
      expect(desk.hands).toMatchObject([{ move, reason: 'file_moved', action: { ulid: action.ulid } }]);
      expect(desk.store.find(ID, action.ulid)).toMatchObject({ state });
      expect(await filesOf(desk)).toEqual([`${folder}/${folder === 'approved' ? ID : `${ID}@${action.ulid}`}.json`]);
      expect((await desk.audit.tail(1))[0]).toMatchObject({ what: move, who: 'file', via: 'file' });
      await desk.look();
      expect(desk.hands).toHaveLength(1);
      await expectSound(machine, desk);
    });

    it(`into ${folder}/ while no daemon ran counts at the next start`, async () => {
      const machine = new Machine();
      const ulid = counting();
      const before = await openDesk(machine, undefined, ulid);
      const action = await before.store.propose(change(), PAUL);
      await before.disk.move(`${DIR}/pending/${ID}.json`, `${DIR}/${folder}/${ID}.json`);
      const desk = await openDesk(machine, undefined, ulid);
      expect(desk.store.get(ID)).toMatchObject({ state: 'pending', ulid: action.ulid });
      await desk.look();
      expect(desk.store.find(ID, action.ulid)).toMatchObject({ state });
      await expectSound(machine, desk);
    });
  }

  it('is not looked at while it is still being written', async () => {
    const desk = await openDesk(new Machine());
    await desk.store.propose(change(), PAUL);
    const bytes = (await desk.disk.read(`${DIR}/pending/${ID}.json`)) ?? new Uint8Array();
    const file = await desk.disk.append(`${DIR}/approved/${ID}.json`);
    await file.append(bytes.subarray(0, 50));
    await desk.byHand.scan();
    await file.append(bytes.subarray(50));
    await desk.byHand.scan();
    expect(desk.hands).toEqual([]);
    await desk.byHand.scan();
    expect(desk.hands).toHaveLength(1);
    expect(desk.quarantined).toEqual([]);
  });

  it('of an earlier proposal fails as stale, and the one that waits stays', async () => {
    const machine = new Machine();
    const desk = await openDesk(machine);
    const first = await desk.store.propose(change(), PAUL);
    const copy = (await desk.disk.read(`${DIR}/pending/${ID}.json`)) ?? new Uint8Array();
    await walk(desk.store, first, ['cancel']);
    const second = await desk.store.propose(change(), PAUL);
    await desk.disk.replace(`${DIR}/approved/${ID}.json`, copy);
    await desk.look();
    expect(desk.hands).toEqual([]);
    expect(desk.refused).toHaveLength(1);
    expect(desk.store.get(ID)).toMatchObject({ ulid: second.ulid, state: 'pending' });
    expect(await filesOf(desk)).toEqual([`pending/${ID}.json`, `cancelled/${ID}@${first.ulid}.json`]);
    await expectSound(machine, desk);
  });

  it('of a proposal that nobody made here ends in failed/ as stale', async () => {
    const machine = new Machine();
    const desk = await openDesk(machine);
    const forged: Action = {
      ...change(),
      ulid: counting(99)(),
      planHash: planHash(change()),
      createdAt: '2026-01-01T00:00:00.000Z',
    };
    await desk.disk.replace(`${DIR}/approved/${ID}.json`, JSON.stringify(forged));
    await desk.look();
    expect(desk.store.find(ID, forged.ulid)).toMatchObject({ state: 'failed', outcome: { reason: 'stale' } });
    expect(await filesOf(desk)).toEqual([`failed/${ID}@${forged.ulid}.json`]);
    await expectSound(machine, desk);
  });

  it('whose change was edited on the way fails as stale, with nothing of the edit', async () => {
    const machine = new Machine();
    const desk = await openDesk(machine);
    const action = await desk.store.propose(change(), PAUL);
    const edited = change(ID, { to: 'b'.repeat(64) });
    const { state: _state, ...fields } = action;
    await desk.disk.remove(`${DIR}/pending/${ID}.json`);
    await desk.disk.replace(
      `${DIR}/approved/${ID}.json`,
      JSON.stringify({ ...fields, ...edited, planHash: planHash(edited) }),
    );
    await desk.look();
    expect(desk.hands).toEqual([]);
    expect(desk.store.find(ID, action.ulid)).toMatchObject({
      state: 'failed',
      to: 'a'.repeat(64),
      outcome: { reason: 'stale' },
    });
    await expectSound(machine, desk);
  });

  it('fails as stale where the loop says so', async () => {
    const desk = await openDesk(new Machine(), 'this approval is stale');
    const action = await desk.store.propose(change(), PAUL);
    await desk.disk.move(`${DIR}/pending/${ID}.json`, `${DIR}/approved/${ID}.json`);
    await desk.look();
    expect(desk.store.find(ID, action.ulid)).toMatchObject({ state: 'failed', outcome: { reason: 'stale' } });
    expect(desk.moved.map((moved) => moved.move)).toEqual(['propose', 'approve', 'fail']);
  });

  it('comes second where the API was first, and leaves nothing behind', async () => {
    const machine = new Machine();
    const desk = await openDesk(machine);
    const { ulid } = await desk.store.propose(change(), PAUL);
    await desk.disk.move(`${DIR}/pending/${ID}.json`, `${DIR}/approved/${ID}.json`);
    await desk.store.move(ID, ulid, 'reject', patchFor('reject'), PAUL);
    await desk.look();
    expect(desk.store.find(ID, ulid)?.state).toBe('rejected');
    expect(desk.refused).toHaveLength(1);
    expect(await filesOf(desk)).toEqual([`rejected/${ID}@${ulid}.json`]);
    await expectSound(machine, desk);
  });

  it('and an approval through the API at the same time have one winner', async () => {
    const machine = new Machine();
    const desk = await openDesk(machine);
    const { ulid } = await desk.store.propose(change(), PAUL);
    await desk.disk.move(`${DIR}/pending/${ID}.json`, `${DIR}/approved/${ID}.json`);
    await expect(desk.store.move(ID, ulid, 'approve', { approval: approval() }, PAUL)).rejects.toMatchObject({
      code: 'conflict',
    });
    await desk.look();
    expect(desk.moved.filter((moved) => moved.move === 'approve')).toHaveLength(1);
    expect(desk.store.get(ID)?.state).toBe('approved');
    await expectSound(machine, desk);
  });

  it('under another name is found by what is in it', async () => {
    const machine = new Machine();
    const desk = await openDesk(machine);
    const { ulid } = await desk.store.propose(change(), PAUL);
    await desk.disk.move(`${DIR}/pending/${ID}.json`, `${DIR}/approved/mine.json`);
    await desk.look();
    expect(desk.store.get(ID)).toMatchObject({ ulid, state: 'approved' });
    expect(await filesOf(desk)).toEqual([`approved/${ID}.json`]);
    await desk.disk.move(`${DIR}/approved/${ID}.json`, `${DIR}/approved/other.json`);
    await desk.look();
    expect(await filesOf(desk)).toEqual([`approved/${ID}.json`]);
    expect(desk.store.get(ID)?.state).toBe('approved');
    await expectSound(machine, desk);
  });

  it('that is removed cancels; one that runs is put back', async () => {
    const machine = new Machine();
    const desk = await openDesk(machine);
    const first = await desk.store.propose(change(), PAUL);
    await desk.disk.remove(`${DIR}/pending/${ID}.json`);
    await desk.look();
    expect(desk.hands).toMatchObject([{ move: 'cancel', reason: 'file_removed' }]);
    expect(desk.store.find(ID, first.ulid)?.state).toBe('cancelled');
    const second = await walk(desk.store, await desk.store.propose(change(), PAUL), ['approve', 'start']);
    await desk.disk.remove(`${DIR}/running/${ID}.json`);
    await desk.look();
    expect(desk.store.find(ID, second.ulid)?.state).toBe('running');
    expect(await filesOf(desk)).toContain(`running/${ID}.json`);
    await expectSound(machine, desk);
  });

  it('of a granted one is asked of the node once, and cancelled when that confirms', async () => {
    for (const how of ['moved', 'removed'] as const) {
      const machine = new Machine();
      const house = await openHouse(machine.disk());
      const asked: string[] = [];
      const byHand = new ByHand({
        ...house.ports,
        store: house.store,
        onHand: async ({ move }) => void asked.push(move),
        onRefused: async () => {},
      });
      const action = await walk(house.store, await house.store.propose(change(), PAUL), ['approve']);
      if (how === 'moved') await house.disk.move(`${DIR}/approved/${ID}.json`, `${DIR}/cancelled/${ID}.json`);
      else await house.disk.remove(`${DIR}/approved/${ID}.json`);
      for (let n = 0; n < 6; n++) await byHand.scan();
      expect(asked).toEqual(['cancel']);
      expect(house.store.get(ID)?.state).toBe('approved');
      await walk(house.store, action, ['cancel']);
      await byHand.scan();
      await byHand.scan();
      expect(await house.disk.list(`${DIR}/cancelled`)).toEqual([`${ID}@${action.ulid}.json`]);
      expect((await openHouse(machine.disk())).store.list().map(({ state }) => state)).toEqual(['cancelled']);
    }
  });

  it('where only lab moves files goes to quarantine', async () => {
    const desk = await openDesk(new Machine());
    const action = await desk.store.propose(change(), PAUL);
    const bytes = (await desk.disk.read(`${DIR}/pending/${ID}.json`)) ?? new Uint8Array();
    for (const folder of ['running', 'completed', 'failed'] as const) {
      await desk.disk.replace(`${DIR}/${folder}/${ID}.json`, bytes);
    }
    await desk.look();
    expect(desk.quarantined.map((one) => one.reason)).toEqual([
      'only lab puts a file into running/',
      'only lab puts a file into completed/',
      'only lab puts a file into failed/',
    ]);
    expect(desk.store.get(ID)).toMatchObject({ ulid: action.ulid, state: 'pending' });
  });
});

const good = {
  ...change('redeploy-a-x'),
  ulid: counting(40)(),
  planHash: planHash(change()),
  createdAt: '2026-01-01T00:00:00.000Z',
};
const RUBBISH: Readonly<Record<string, Uint8Array>> = {
  'binary.json': Uint8Array.from([0, 255, 254, 1]),
  'empty.json': new Uint8Array(),
  'truncated.json': Buffer.from(JSON.stringify(good).slice(0, 90)),
  'other.json': Buffer.from('{"hello":"world"}'),
  'list.json': Buffer.from('[1,2,3]'),
  'bomb.json': Buffer.from(`${'['.repeat(200_000)}`),
  'escape.json': Buffer.from(JSON.stringify({ ...good, id: '../../etc/passwd' })),
  'ulid.json': Buffer.from(JSON.stringify({ ...good, ulid: '../../../../etc/passwd' })),
  'hash.json': Buffer.from(JSON.stringify({ ...good, planHash: 'f'.repeat(64) })),
  'extra.json': Buffer.from(JSON.stringify({ ...good, sudo: true })),
  'notes.txt': Buffer.from('remember the milk'),
  'large.json': Buffer.alloc(3_000_000, 0x20),
};

describe('rubbish in every folder', () => {
  for (const state of ACTION_STATES) {
    it(`${state}/: to quarantine with a reason, at the start and while it runs; the rest goes on`, async () => {
      for (const atStart of [true, false]) {
        const machine = new Machine();
        const ulid = counting();
        const before = await openDesk(machine, undefined, ulid);
        const action = await before.store.propose(change(), PAUL);
        for (const [name, bytes] of Object.entries(RUBBISH))
          await before.disk.replace(`${DIR}/${state}/${name}`, bytes);
        await before.disk.makeDir(`${DIR}/${state}/folder.json`);
        const desk = atStart ? await openDesk(machine, undefined, ulid) : before;
        await desk.look();
        await desk.look();
        expect(desk.quarantined).toHaveLength(Object.keys(RUBBISH).length);
        expect(desk.quarantined.every((one) => one.reason !== '' && one.bytes.length <= 1024 * 1024)).toBe(true);
        expect(desk.store.list().map((one) => one.ulid)).toEqual([action.ulid]);
        // What is no file is left alone, and said once.
        expect(desk.refused.filter((line) => line.includes('folder.json'))).toHaveLength(1);
        expect((await filesOf(desk)).filter((path) => !path.endsWith('/folder.json'))).toEqual([`pending/${ID}.json`]);
        await walk(desk.store, action, ['approve', 'start', 'complete']);
        await desk.store.propose(change(), PAUL);
      }
    });
  }
});

describe('on a real disk', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'lab-by-hand-'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it('links and pipes are never followed, and the loop goes on', async () => {
    const disk = new NodeDisk();
    const dir = join(root, 'actions');
    const clock = new FakeClock();
    const log = new KeptLog();
    const audit = await Audit.open({
      disk,
      dir: join(root, 'audit'),
      anchor: join(root, 'state/anchor.json'),
      clock,
      log,
    });
    const set: string[] = [];
    const said: string[] = [];
    const quarantine = async (name: string, bytes: Uint8Array): Promise<void> =>
      void set.push(`${name} ${bytes.length}`);
    const ports = { disk, dir, audit, clock, log, ulid: counting(), quarantine, onMoved: async () => {} };
    const plant = async (folder: string): Promise<void> => {
      await writeFile(join(root, 'secret'), 'not yours');
      await symlink(join(root, 'secret'), join(dir, folder, 'link.json'));
      await symlink(root, join(dir, folder, 'root.json'));
      await symlink(join(root, 'nowhere'), join(dir, folder, 'dangling.json'));
      await promisify(execFile)('mkfifo', [join(dir, folder, 'pipe.json')]);
    };
    await ActionStore.open(ports);
    await plant('approved');
    await plant('pending');
    const store = await ActionStore.open(ports);
    const kinds = ['link', 'pipe', 'root'];
    const expected = (folder: string): string[] => kinds.map((kind) => `${folder}-${kind}.json 0`);
    expect(set).toEqual([...expected('pending'), ...expected('approved')]);
    const byHand = new ByHand({
      store,
      disk,
      dir,
      log,
      clock,
      quarantine,
      onHand: async ({ action, move }) => void (await store.move(action.id, action.ulid, move, patchFor(move), PAUL)),
      onRefused: async (path, reason) => void said.push(`${path.slice(dir.length + 1)}: ${reason}`),
    });
    set.length = 0;
    await rm(join(dir, 'rejected'), { recursive: true });
    await mkdir(join(dir, 'rejected'));
    await plant('rejected');
    const action = await store.propose(change(), PAUL);
    await rename(join(dir, 'pending', `${ID}.json`), join(dir, 'approved', `${ID}.json`));
    for (let n = 0; n < 4; n++) await byHand.scan();
    expect(set).toEqual(expected('rejected'));
    expect(said.filter((line) => line.includes('link to nowhere'))).toHaveLength(3);
    expect(store.get(ID)).toMatchObject({ ulid: action.ulid, state: 'approved' });
    expect(await readFile(join(root, 'secret'), 'utf8')).toBe('not yours');
  });
});
