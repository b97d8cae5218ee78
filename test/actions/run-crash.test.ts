/** The power is cut, or the daemon killed, at every step of two runs: nothing runs twice, and every grant comes to one end. */
import { describe, expect, it } from 'vitest';
import { counting } from './house.ts';
import { grantFor, lifeOf, Node } from './node-house.ts';
import { CUTS, type Cut, Machine } from './power-cut.ts';

const ulids = counting();
const WEB = grantFor(ulids());
const DB = grantFor(ulids(), {}, { id: 'container-restart-piha-db', service: 'db' });
const GRANTS = [WEB, { ...DB, planHash: DB.planHash }];
const ENDS = ['action_run_verified', 'action_run_failed', 'action_grant_voided'];

/** One life of the daemon: it recovers, and hears of every grant that the hub knows no end of. */
async function live(node: Node, ids: () => string): Promise<void> {
  const { runner } = lifeOf(node, {}, ids);
  await runner.recover();
  const ended = new Set(node.events.filter((event) => ENDS.includes(event.type)).map((event) => event.data.ulid));
  await runner.offer(
    GRANTS.filter((grant) => !ended.has(grant.ulid)),
    [],
  );
  await runner.idle();
}

async function stepsOfLife(): Promise<number> {
  const node = new Node(new Machine());
  await live(node, counting(1_000));
  expect(node.said('action_run_verified').map((data) => data.ulid)).toEqual(GRANTS.map((grant) => grant.ulid));
  return node.machine.steps;
}

function cutOff(node: Node, cut: Cut): void {
  node.machine.restart(cut);
  if (cut !== 'kept') node.reboot();
}

async function expectOnce(node: Node, ids: () => string, at: string): Promise<void> {
  await live(node, ids);
  await live(node, ids);
  for (const { ulid } of GRANTS) {
    const ends = node.events.filter((event) => ENDS.includes(event.type) && event.data.ulid === ulid);
    expect(new Set(ends.map((event) => JSON.stringify(event))).size, `${at}: ${JSON.stringify(ends)}`).toBe(1);
    const started = new Set(
      node
        .said('action_run_started')
        .filter((data) => data.ulid === ulid)
        .map((data) => data.run),
    );
    expect(started.size, at).toBeLessThanOrEqual(1);
  }
  expect(node.begun.length, at).toBe(new Set(node.begun).size);
  expect(node.begun.length, at).toBeLessThanOrEqual(GRANTS.length);
}

describe('a cut at every step of a run', () => {
  for (const cut of CUTS) {
    it(`what was not synced is ${cut}`, async () => {
      const steps = await stepsOfLife();
      expect(steps).toBeGreaterThan(80);
      for (let budget = 0; budget <= steps; budget++) {
        const node = new Node(new Machine());
        const ids = counting(1_000);
        node.machine.budget = budget;
        await live(node, ids).catch(() => {});
        cutOff(node, cut);
        await expectOnce(node, ids, `${cut} after ${budget}`);
      }
    });
  }

  it('also twice: the daemon killed, and the power cut while it recovers', async () => {
    const steps = await stepsOfLife();
    for (let budget = 3; budget <= steps; budget += 2) {
      for (let second = 1; second <= 25; second += 2) {
        const node = new Node(new Machine());
        const ids = counting(1_000);
        node.machine.budget = budget;
        await live(node, ids).catch(() => {});
        node.machine.restart('kept');
        node.machine.budget = node.machine.steps + second;
        await live(node, ids).catch(() => {});
        cutOff(node, 'lost');
        await expectOnce(node, ids, `${budget}, then ${second}`);
      }
    }
  });

  it('a killed daemon loses no run whose steps can all be told', async () => {
    const steps = await stepsOfLife();
    let verified = 0;
    let unknown = 0;
    for (let budget = 0; budget <= steps; budget++) {
      const node = new Node(new Machine());
      const ids = counting(1_000);
      node.machine.budget = budget;
      await live(node, ids).catch(() => {});
      node.machine.restart('kept');
      await live(node, ids);
      verified += new Set(node.said('action_run_verified').map((data) => data.ulid)).size;
      for (const data of node.said('action_run_failed')) {
        expect(data.reason).toBe('unknown');
        unknown += 1;
      }
    }
    // Only between the end of the old instance and the making of the new one it cannot be told: once for each of the two.
    expect(unknown).toBe(2);
    expect(verified).toBe(2 * (steps + 1) - unknown);
  });
});
