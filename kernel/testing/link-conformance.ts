/**
 * What every link between a node and the hub does, whatever carries it. `make` puts a real hub's end (journal, positions, sessions)
 * behind the link under test; here are only nodes, with real logs, and what they must be able to rely on.
 *
 * That a run itself survives crashes is proven in test/actions; here a real runner only shows that what travelled is bound and single-use.
 */
import { type Bundle, digestOf, type Grant, type JournalEvent } from '@lab/sdk';
import { settle } from '@lab/sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type HubLink, PROTOCOL, type Work } from '../src/link/link.ts';
import { counting, grantFor, TestNode } from './link-node.ts';
import { MemoryDisk } from './memory-disk.ts';

export interface LinkUnderTest {
  /** The node's end. */
  readonly link: HubLink;
  /** Two nodes of the hub's fleet, an older name of the first, a bundle that the first may have. */
  readonly node: string;
  readonly alias: string;
  readonly other: string;
  readonly bundle: Bundle;
  /** Nothing passes any more, in either direction. */
  cut(): void;
  mend(): void;
  /** The link is cut while the next call's answer is on its way: the hub has done what was asked. */
  cutDuringNext(): void;
  journal(): Promise<readonly JournalEvent[]>;
  quarantined(): Promise<readonly string[]>;
  /** What `node` is told changes. */
  change(node: string): Promise<void>;
  setWork(work: ReadonlyMap<string, Work>): void;
  /** A new life of the hub on the same disk: every conversation is over. */
  restart(): Promise<void>;
  end(): Promise<void>;
}

const numbers = (events: readonly JournalEvent[], type = 'noted'): unknown[] =>
  events.filter((event) => event.type === type).map((event) => event.data.n);

export function linkConformance(name: string, make: () => Promise<LinkUnderTest>): void {
  describe(`link: ${name}`, () => {
    let hub: LinkUnderTest;
    let node: TestNode;

    beforeEach(async () => {
      hub = await make();
      node = await TestNode.open(hub.node, hub.link);
    });
    afterEach(() => hub.end());

    describe('hello', () => {
      it('welcomes a node of the fleet with its position in each class, its period and the time', async () => {
        const first = await node.hello();
        expect(first).toMatchObject({ node: hub.node, newLog: false, acked: { control: 0, health: 0, bulk: 0 } });
        expect(first.heartbeatMs).toBeGreaterThan(0);
        expect(Date.parse(first.time)).not.toBeNaN();
        await node.say(1);
        await node.say(2);
        await node.say(3, 'felt');
        await node.send('control', 1);
        expect((await node.hello()).acked).toEqual({ control: 2, health: 0, bulk: 0 });
      });

      it('knows a node by an older name, and answers with the one of today', async () => {
        const old = await TestNode.open(hub.alias, hub.link, new MemoryDisk(), 'ol');
        expect((await old.hello()).node).toBe(hub.node);
      });

      it('refuses a node that is not of the fleet', async () => {
        const stranger = await TestNode.open('stranger', hub.link);
        await expect(stranger.hello()).rejects.toMatchObject({ code: 'refused', at: 'stranger' });
      });

      it('speaks with one protocol more and one less, and with no other', async () => {
        for (const protocol of [PROTOCOL - 1, PROTOCOL, PROTOCOL + 1])
          expect((await node.hello({ protocol })).newLog).toBe(false);
        for (const protocol of [PROTOCOL - 2, PROTOCOL + 2])
          await expect(node.hello({ protocol })).rejects.toMatchObject({ code: 'refused' });
      });

      it('ends the conversation that the node had before', async () => {
        await node.hello();
        const before = node.session;
        await node.hello();
        expect(node.session).not.toBe(before);
        for (const call of [
          () => hub.link.heartbeat(before),
          () => hub.link.told(before),
          () => hub.link.work(before),
          () => hub.link.events(before, { class: 'control', from: 1, lines: [] }),
          () => hub.link.bundle(before, hub.bundle.digest),
        ])
          await expect(call()).rejects.toMatchObject({ code: 'refused' });
        await expect(hub.link.heartbeat(node.session)).resolves.toBeDefined();
      });

      it('is needed again after the hub began a new life, which knows the same positions', async () => {
        await node.hello();
        await node.say(1);
        await node.send('control', 1);
        await hub.restart();
        await expect(hub.link.heartbeat(node.session)).rejects.toMatchObject({ code: 'refused' });
        expect((await node.hello()).acked.control).toBe(1);
      });

      it('makes a disk that was restored begin a new log, in which everything arrives', async () => {
        await node.say(1);
        const backup = node.disk.crash();
        await node.say(2);
        await node.hello();
        await node.send('control', 1);
        const restored = await TestNode.open(hub.node, hub.link, backup, 're');
        expect((await restored.hello()).newLog).toBe(true);
        await restored.events.renew();
        await restored.say(9);
        expect(await restored.hello()).toMatchObject({ newLog: false, acked: { control: 0 } });
        await restored.send('control', 1);
        expect(numbers(await hub.journal())).toEqual([1, 2, 1, 9]);
      });

      it('notices another line at the acknowledged place', async () => {
        await node.say(1);
        const clone = node.disk.crash();
        await node.say(2);
        await node.hello();
        await node.events.acked('control', await node.send('control', 1));
        const other = await TestNode.open(hub.node, hub.link, clone, 'n1');
        await other.say(7);
        await other.events.acked('control', 2);
        expect((await other.hello()).newLog).toBe(true);
        expect((await node.hello()).newLog).toBe(false);
      });

      it('raises a generation that is below the accepted one, or the same with other content', async () => {
        const { generation } = await node.hello();
        expect((await node.hello({ generation: generation + 41 })).generation).toBeGreaterThan(generation + 41);
        const { desired } = await hub.link.told(node.session);
        const same = await node.hello({ generation: desired.generation, desiredHash: digestOf(desired) });
        expect(same.generation).toBe(desired.generation);
        const otherwise = await node.hello({ generation: desired.generation, desiredHash: 'another' });
        expect(otherwise.generation).toBeGreaterThan(desired.generation);
        expect((await hub.link.told(node.session)).desired.generation).toBe(otherwise.generation);
      });
    });

    describe('events', () => {
      beforeEach(async () => {
        await node.hello();
        for (const n of [1, 2, 3]) await node.say(n);
      });

      it('go on from the acknowledged place, and are in the journal when it is answered', async () => {
        const lines = await node.lines('control');
        expect(await node.send('control', 1, lines.slice(0, 2))).toBe(2);
        expect(numbers(await hub.journal())).toEqual([1, 2]);
        expect(await node.send('control', 3, lines.slice(2))).toBe(3);
        expect(numbers(await hub.journal())).toEqual([1, 2, 3]);
      });

      it('that are sent again, whole or in part, change nothing', async () => {
        await node.send('control', 1);
        expect(await node.send('control', 1)).toBe(3);
        await node.say(4);
        expect(await node.send('control', 2)).toBe(4);
        expect(numbers(await hub.journal())).toEqual([1, 2, 3, 4]);
      });

      it('with a gap are a conflict that names the acknowledged place', async () => {
        await node.send('control', 1, (await node.lines('control')).slice(0, 1));
        await expect(node.send('control', 3)).rejects.toMatchObject({ code: 'conflict', data: { acked: 1 } });
        expect(numbers(await hub.journal())).toEqual([1]);
      });

      it('of different classes have places of their own', async () => {
        await node.say(10, 'felt');
        expect(await node.send('health', 1)).toBe(1);
        expect(await node.send('control', 1)).toBe(3);
        expect((await node.hello()).acked).toEqual({ control: 3, health: 1, bulk: 0 });
      });

      it('of another node are not taken from this one', async () => {
        const liar = await TestNode.open(hub.other, hub.link, new MemoryDisk(), 'li');
        await liar.hello();
        const forged = (await node.lines('control')).map((line) => line.replaceAll(node.events.log, liar.events.log));
        expect(await liar.send('control', 1, forged)).toBe(3);
        expect(numbers(await hub.journal())).toEqual([]);
        expect((await hub.quarantined()).join()).toContain('names another node');
      });

      it('that are malformed are set aside and acknowledged, and block nothing', async () => {
        const lines = [...(await node.lines('control'))];
        lines[1] = '{"no event"';
        expect(await node.send('control', 1, lines)).toBe(3);
        const journal = await hub.journal();
        expect(numbers(journal)).toEqual([1, 3]);
        expect(journal.filter(({ type }) => type === 'events_quarantined')).toMatchObject([
          { data: { node: hub.node, class: 'control', from: 2, to: 2 } },
        ]);
        expect(await hub.quarantined()).toHaveLength(1);
        expect(await node.send('control', 1, lines)).toBe(3);
        expect(await hub.quarantined()).toHaveLength(1);
      });
    });

    describe('what a node is told', () => {
      it('is its own, and the beat says when it is another', async () => {
        await node.hello();
        const told = await hub.link.told(node.session);
        expect(told.desired).toMatchObject({ node: hub.node });
        expect(told.approved).toMatchObject({ node: hub.node, log: node.events.log });
        const beat = await hub.link.heartbeat(node.session);
        expect(beat).toMatchObject({
          generation: told.desired.generation,
          approvedHash: digestOf(told.approved.approved),
        });
        await hub.change(hub.other);
        expect(await hub.link.heartbeat(node.session)).toEqual(beat);
        await hub.change(hub.node);
        expect((await hub.link.heartbeat(node.session)).generation).toBe(beat.generation + 1);
        expect((await hub.link.told(node.session)).desired.generation).toBe(beat.generation + 1);
      });

      it('includes how far its control stream was folded', async () => {
        await node.hello();
        expect((await hub.link.told(node.session)).approved.seq).toBe(0);
        await node.say(1);
        await node.send('control', 1);
        expect((await hub.link.told(node.session)).approved.seq).toBe(1);
      });

      it('has whole bundles, and says which there are not', async () => {
        await node.hello();
        expect(await hub.link.bundle(node.session, hub.bundle.digest)).toEqual(hub.bundle);
        await expect(hub.link.bundle(node.session, '0'.repeat(64))).rejects.toMatchObject({ code: 'not_found' });
      });

      it('is hinted at, and is found as well by who hears no hint', async () => {
        await node.hello();
        let hints = 0;
        const stop = hub.link.onHint(node.session, () => hints++);
        const before = await hub.link.heartbeat(node.session);
        hub.setWork(new Map([[hub.node, { grants: [grantFor(hub.node)], cancelled: [] }]]));
        await settle();
        expect(hints).toBeGreaterThan(0);
        const heard = hints;
        stop();
        await hub.change(hub.node);
        await settle();
        expect(hints).toBe(heard);
        const after = await hub.link.heartbeat(node.session);
        expect(after.work).not.toBe(before.work);
        expect(after.generation).not.toBe(before.generation);
      });
    });

    describe('grants', () => {
      const grantOf = async (at: TestNode): Promise<Work> => hub.link.work(at.session);

      beforeEach(async () => {
        await node.hello();
        hub.setWork(new Map([[hub.node, { grants: [grantFor(hub.node)], cancelled: [] }]]));
      });

      it('reach the node that they are for, as often as it asks, and no other', async () => {
        const other = await TestNode.open(hub.other, hub.link, new MemoryDisk(), 'ot');
        await other.hello();
        expect((await grantOf(node)).grants).toEqual([grantFor(hub.node)]);
        expect((await grantOf(node)).grants).toEqual([grantFor(hub.node)]);
        expect((await grantOf(other)).grants).toEqual([]);
      });

      it('that arrive twice lead to one run', async () => {
        const { runner, runs } = counting(hub.node);
        for (let times = 0; times < 3; times++) {
          const { grants, cancelled } = await grantOf(node);
          await runner.offer(grants, cancelled);
          await runner.idle();
        }
        expect(runs).toEqual([grantFor(hub.node).ulid]);
        await runner.stop();
      });

      it('are good for their node and their change alone', async () => {
        const [grant] = (await grantOf(node)).grants as [Grant];
        const stolen = counting(hub.other);
        await stolen.runner.offer([grant], []);
        await stolen.runner.idle();
        const altered = counting(hub.node);
        await altered.runner.offer([{ ...grant, change: { ...grant.change, to: 'b'.repeat(64) } }], []);
        await altered.runner.idle();
        expect([...stolen.runs, ...altered.runs]).toEqual([]);
        await stolen.runner.stop();
        await altered.runner.stop();
      });

      it('that are taken back come as cancelled', async () => {
        const { ulid } = grantFor(hub.node);
        hub.setWork(new Map([[hub.node, { grants: [], cancelled: [{ ulid, by: 'anna', id: 'restart-it' }] }]]));
        const { runner, runs } = counting(hub.node);
        const { grants, cancelled } = await grantOf(node);
        await runner.offer(grants, cancelled);
        await runner.offer([grantFor(hub.node)], []);
        await runner.idle();
        expect(runs).toEqual([]);
        await runner.stop();
      });
    });

    describe('a link that is cut', () => {
      it('is out of reach for every call, and says nothing', async () => {
        await node.hello();
        let hints = 0;
        hub.link.onHint(node.session, () => hints++);
        hub.cut();
        for (const call of [
          () => node.hello(),
          () => hub.link.heartbeat(node.session),
          () => hub.link.told(node.session),
          () => hub.link.work(node.session),
          () => hub.link.bundle(node.session, hub.bundle.digest),
          () => hub.link.events(node.session, { class: 'control', from: 1, lines: [] }),
        ])
          await expect(call()).rejects.toMatchObject({ code: 'unreachable' });
        await hub.change(hub.node);
        await settle();
        expect(hints).toBe(0);
        hub.mend();
        expect((await node.hello()).generation).toBeGreaterThan(0);
      });

      it('loses an answer and nothing else: what is sent again is there once', async () => {
        await node.hello();
        await node.say(1);
        hub.cutDuringNext();
        await expect(node.send('control', 1)).rejects.toMatchObject({ code: 'unreachable' });
        hub.mend();
        await node.say(2);
        expect(await node.send('control', 1)).toBe(2);
        expect(numbers(await hub.journal())).toEqual([1, 2]);
      });

      it('loses a welcome: the next hello is welcomed with the same positions', async () => {
        await node.hello();
        await node.say(1);
        await node.send('control', 1);
        hub.cutDuringNext();
        await expect(node.hello()).rejects.toMatchObject({ code: 'unreachable' });
        hub.mend();
        expect((await node.hello()).acked.control).toBe(1);
        await expect(hub.link.heartbeat(node.session)).resolves.toBeDefined();
      });
    });
  });
}
