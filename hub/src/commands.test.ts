import type { PlannedChange } from '@lab/kernel/supervisor/plan';
import { type ActionRow, type HoldRow, type MaintenanceRow, planHash, type StatedAction } from '@lab/sdk';
import { beforeEach, describe, expect, it } from 'vitest';
import { ANNA, born, fleetOf, HubHouse, redeploy, ulids } from '../testing/hub-house.ts';
import { Commands } from './commands.ts';

const CALLER = { who: 'anna@saturn', via: 'api' };
const TO = 'a'.repeat(64);

describe('commands', () => {
  let house: HubHouse;
  let commands: Commands;
  let planned: PlannedChange | undefined;
  let refreshed: number;

  const auditOf = async (what: string) => (await house.audit.tail(50)).filter((line) => line.what === what);
  const pending = (to = TO): Promise<StatedAction> => house.store.propose(redeploy('piha', 'broker', to), ANNA);

  beforeEach(async () => {
    house = await HubHouse.open();
    planned = undefined;
    refreshed = 0;
    commands = new Commands({
      store: house.store,
      audit: house.audit,
      fleet: () => house.fleet,
      world: () => house.world,
      clock: house.clock,
      planned: () => planned,
      own: house.own,
      refresh: async () => void refreshed++,
      nudge: () => {},
      ulid: ulids(),
      withdraw: () => false,
    });
  });

  describe('approve', () => {
    it('approves what was seen, under the name of who did, with the note', async () => {
      const { id, planHash: hash, ulid } = await pending();
      const approved = await commands.approve(id, { hash, ulid, note: 'looks right' }, CALLER);
      expect(approved).toMatchObject({
        state: 'approved',
        approval: { by: 'anna@saturn', via: 'api', note: 'looks right' },
      });
      expect(await auditOf('approve')).toMatchObject([{ who: 'anna@saturn', on: id, ulid, planHash: hash }]);
    });

    it('refuses what is another change by now, and another incident of the same change', async () => {
      const first = await pending();
      await house.store.move(first.id, first.ulid, 'cancel', { outcome: { at: '', reason: 'superseded' } }, ANNA);
      await pending('b'.repeat(64));
      await expect(commands.approve(first.id, { hash: first.planHash }, CALLER)).rejects.toMatchObject({
        code: 'stale',
      });
      const second = house.store.get(first.id) as StatedAction;
      await house.store.move(second.id, second.ulid, 'cancel', { outcome: { at: '', reason: 'superseded' } }, ANNA);
      await pending('b'.repeat(64));
      await expect(
        commands.approve(first.id, { hash: second.planHash, ulid: second.ulid }, CALLER),
      ).rejects.toMatchObject({ code: 'stale' });
    });

    it('waits for the opening of a closed window, or not where it is to be now', async () => {
      const change = redeploy('piha', 'broker', TO);
      planned = { ...change, mode: 'ask', planHash: planHash(change), notBefore: '2026-01-01T02:00:00.000Z' };
      const { id, planHash: hash } = await pending();
      const later = await commands.approve(id, { hash }, CALLER);
      expect(later.approval).toMatchObject({
        notBefore: '2026-01-01T02:00:00.000Z',
        expiresAt: '2026-01-02T02:00:00.000Z',
      });
      await house.store.move(id, later.ulid, 'cancel', { outcome: { at: '', reason: 'test' } }, ANNA);
      await pending();
      expect((await commands.approve(id, { hash, now: true }, CALLER)).approval?.notBefore).toBeUndefined();
    });

    it('has one winner of two at once', async () => {
      const { id, planHash: hash } = await pending();
      const both = await Promise.allSettled([
        commands.approve(id, { hash }, CALLER),
        commands.approve(id, { hash }, { who: 'ben', via: 'api' }),
      ]);
      expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(both.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'conflict' } });
    });

    it('says of an unknown one that there is none', async () => {
      await expect(commands.approve('redeploy-x-y', { yes: true }, CALLER)).rejects.toMatchObject({
        code: 'not_found',
      });
    });
  });

  it('a rejection silences for a day unless told, and for as long as it is told', async () => {
    const { id } = await pending();
    expect((await commands.reject(id, { reason: 'not now' }, CALLER)).outcome?.until).toBe('2026-01-02T00:00:00.000Z');
    await pending('b'.repeat(64));
    const second = await commands.reject(id, { reason: 'not now', forMs: 60_000 }, CALLER);
    expect(second.outcome).toMatchObject({ until: '2026-01-01T00:01:00.000Z', by: 'anna@saturn' });
  });

  it('a cancellation is done at once while it waits; once it was granted the node is asked', async () => {
    const { id } = await pending();
    expect((await commands.cancel(id, { reason: 'no' }, CALLER)).state).toBe('cancelled');
    const granted = await house.approve(await pending());
    expect((await commands.cancel(id, { reason: 'no' }, CALLER)).state).toBe('approved');
    expect(house.world.rows<ActionRow>('control', 'action').get(id)).toMatchObject({
      ulid: granted.ulid,
      cancelling: 'anna@saturn',
    });
    expect(await auditOf('cancel_requested')).toHaveLength(1);
    await expect(commands.cancel('redeploy-x-y', { reason: '' }, CALLER)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('what has ended can be neither rejected nor cancelled, and says what became of it', async () => {
    const { id } = await pending();
    await commands.cancel(id, { reason: 'no' }, CALLER);
    await expect(commands.reject(id, { reason: 'no' }, CALLER)).rejects.toThrow('it is cancelled');
  });

  it('a file that was moved by hand is approved as through the API', async () => {
    const action = await pending();
    await commands.byHand({ action, move: 'approve', reason: 'file_moved' });
    expect(house.store.get(action.id)).toMatchObject({ state: 'approved', approval: { by: 'file', via: 'file' } });
  });

  describe('stop, start, restart', () => {
    const hold = (): HoldRow | undefined => house.world.rows<HoldRow>('control', 'hold').get('piha/broker');

    beforeEach(async () => {
      await house.says('piha', born('broker', 'i1', house.digest('piha', 'broker')));
      await house.deployed('piha', 'broker');
    });

    it('a stop is made, approved and held by who asked; a start ends the hold', async () => {
      const stop = await commands.person('stop', 'piha', 'broker', 'new disk', CALLER);
      expect(stop).toMatchObject({ id: 'stop-piha-broker', state: 'approved', class: 'person', to: null });
      expect(hold()).toMatchObject({ by: 'anna@saturn', why: 'new disk' });
      await house.store.move(stop.id, stop.ulid, 'start', { run: 'r' }, ANNA);
      await house.store.move(stop.id, stop.ulid, 'complete', { outcome: { at: '', reason: 'confirmed' } }, ANNA);
      const start = await commands.person('start', 'piha', 'broker', 'done', CALLER);
      expect(start).toMatchObject({ type: 'service_start', to: house.digest('piha', 'broker') });
      expect(hold()).toBeUndefined();
      expect(refreshed).toBe(2);
    });

    it('goes before a proposal, and not before what was approved already', async () => {
      const proposal = await pending();
      await commands.person('restart', 'piha', 'broker', 'it hangs', CALLER);
      expect(house.store.find(proposal.id, proposal.ulid)).toMatchObject({
        state: 'cancelled',
        outcome: { reason: 'superseded' },
      });
      await expect(commands.person('stop', 'piha', 'broker', 'no', CALLER)).rejects.toMatchObject({ code: 'conflict' });
      expect(hold()).toBeUndefined();
    });

    it('a start leaves alone what runs and is not held', async () => {
      await expect(commands.person('start', 'piha', 'broker', 'again', CALLER)).rejects.toMatchObject({
        code: 'conflict',
        message: 'piha/broker runs already',
      });
      expect(house.store.open()).toEqual([]);
    });

    it('starts nothing that was never approved', async () => {
      await expect(commands.person('start', 'piha', 'bridge', 'go', CALLER)).rejects.toMatchObject({
        code: 'conflict',
      });
      expect(house.store.open()).toEqual([]);
    });

    it('knows what there is not, what is only watched, and what nobody drives', async () => {
      await expect(commands.person('stop', 'piha', 'nothing', '', CALLER)).rejects.toMatchObject({ code: 'not_found' });
      house.fleet = await fleetOf({
        'hosts/piha/services.yaml': 'services: { broker: { observed: true } }\n',
        'hosts/saturn/services.yaml': 'services: { bridge: {} }\n',
      });
      await expect(commands.person('stop', 'piha', 'broker', '', CALLER)).rejects.toMatchObject({
        code: 'not_allowed',
      });
      await expect(commands.person('stop', 'saturn', 'bridge', '', CALLER)).rejects.toMatchObject({
        code: 'unreachable',
      });
    });
  });

  it('a maintenance is in the world until it is ended, and in the audit', async () => {
    const { id, until } = await commands.maintenance({ query: 'site=home', forMs: 60_000, reason: 'switch' }, CALLER);
    expect(until).toBe('2026-01-01T00:01:00.000Z');
    const rows = () => house.world.rows<MaintenanceRow>('control', 'maintenance');
    expect(rows().get(id)).toMatchObject({ query: 'site=home', by: 'anna@saturn', reason: 'switch' });
    await commands.endMaintenance([id], CALLER);
    expect(rows().size).toBe(0);
    expect(await auditOf('maintenance_on')).toMatchObject([{ on: 'site=home', note: 'switch' }]);
  });
});
