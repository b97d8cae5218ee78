import type { Fact, LinkRow } from '@lab/sdk';
import { beforeEach, describe, expect, it } from 'vitest';
import { HubHouse } from '../testing/hub-house.ts';
import { Silence } from './silence.ts';

/** lan and vps: three heartbeats of 10 s. */
const SILENCE_MS = 30_000;

describe('silence', () => {
  let house: HubHouse;
  let silence: Silence;
  let heardAt: Map<string, number>;
  let disconnected: string[];
  let own: (facts: readonly Fact[]) => Promise<unknown>;

  const begin = (): Silence =>
    new Silence({
      fleet: () => house.fleet,
      world: () => house.world,
      clock: house.clock,
      quietMs: (node) => {
        const at = heardAt.get(node);
        return at === undefined ? undefined : house.clock.monotonic() - at;
      },
      lastHeardAt: (node) => (heardAt.has(node) ? house.clock.now() : null),
      own: (facts) => own(facts),
      disconnect: (node) => void disconnected.push(node),
    });
  const word = (node: string): void => void heardAt.set(node, house.clock.monotonic());
  const isSilent = (node: string): boolean | undefined => house.world.rows<LinkRow>('health', 'link').get(node)?.silent;
  const types = async (): Promise<string[]> =>
    (await house.said('node_joined', 'node_silent', 'node_back')).map(({ type, data }) => `${data.node} ${type}`);

  beforeEach(async () => {
    house = await HubHouse.open();
    heardAt = new Map();
    disconnected = [];
    own = house.own;
    silence = begin();
    word('piha');
    await silence.heard('piha');
  });

  it('of a node is said once, when three heartbeats are over, and ends its conversation', async () => {
    await house.clock.advance(SILENCE_MS);
    await silence.look();
    expect(isSilent('piha')).toBeUndefined();
    await house.clock.advance(1);
    await silence.look();
    await silence.look();
    expect(isSilent('piha')).toBe(true);
    expect(await types()).toEqual(['piha node_joined', 'piha node_silent']);
    expect(disconnected).toEqual(['piha']);
  });

  it('ends with the next hello, which is said once', async () => {
    await house.clock.advance(SILENCE_MS + 1);
    await silence.look();
    word('piha');
    await silence.heard('piha');
    await silence.heard('piha');
    expect(isSilent('piha')).toBe(false);
    expect(await types()).toEqual(['piha node_joined', 'piha node_silent', 'piha node_back']);
  });

  it("counts from the hub's own start, where the node has said nothing since", async () => {
    await house.clock.advance(60 * 60_000);
    heardAt.clear();
    silence = begin();
    await silence.look();
    expect(isSilent('piha')).toBeUndefined();
    await house.clock.advance(SILENCE_MS + 1);
    await silence.look();
    expect(isSilent('piha')).toBe(true);
    const [said] = await house.said('node_silent');
    expect(said?.data.lastWordAt).toBeNull();
  });

  it('is not found in a clock that jumps', async () => {
    house.clock.jump(house.clock.now() + 86_400_000);
    await silence.look();
    expect(isSilent('piha')).toBeUndefined();
  });

  it('is nothing to a node that never spoke, nor to one without an agent', async () => {
    await house.clock.advance(86_400_000);
    word('piha');
    await silence.look();
    expect(await types()).toEqual(['piha node_joined']);
  });

  it('is over for a node whose hello came while its silence was being written', async () => {
    await house.clock.advance(SILENCE_MS + 1);
    let hello: Promise<void> | undefined;
    own = async (facts) => {
      if (hello === undefined) {
        word('piha');
        hello = silence.heard('piha');
      }
      return house.own(facts);
    };
    await silence.look();
    await hello;
    await silence.look();
    expect(isSilent('piha')).toBe(false);
    expect(await types()).toEqual(['piha node_joined', 'piha node_silent', 'piha node_back']);
  });

  it('is said by the next look where it could not be written', async () => {
    await house.clock.advance(SILENCE_MS + 1);
    own = () => Promise.reject(new Error('the disk is full'));
    await expect(silence.look()).rejects.toThrow('full');
    own = house.own;
    await silence.look();
    expect(isSilent('piha')).toBe(true);
  });
});
