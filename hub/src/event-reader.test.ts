import type { EventView, JournalEvent } from '@lab/sdk';
import { settle } from '@lab/sdk/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { born, HubHouse, healthy } from '../testing/hub-house.ts';
import { EventReader, type ReadJournal } from './event-reader.ts';

describe('reading the journal', () => {
  let house: HubHouse;
  let reader: EventReader;

  const note = (reason: string) => ({ type: 'file_quarantined', data: { name: 'x', reason } });
  const reasons = (events: readonly EventView[]): unknown[] => events.map(({ data }) => data.reason);

  beforeEach(async () => {
    house = await HubHouse.open();
    reader = new EventReader(house.journal, (event) => house.observer.nameOf(event.node));
  });

  it('gives the newest that match, oldest first', async () => {
    await house.own(['a', 'b', 'c', 'd'].map(note));
    expect(reasons(await reader.newest({ limit: 2 }))).toEqual(['c', 'd']);
    expect(reasons(await reader.newest({ limit: 10, after: 1 }))).toEqual(['b', 'c', 'd']);
    expect(await reader.newest({ limit: 10, after: 4 })).toEqual([]);
  });

  it('looks as far back as it must for what matches', async () => {
    await house.own([note('the only one')]);
    for (let block = 0; block < 3; block++)
      await house.own(Array.from({ length: 900 }, () => ({ type: 'node_joined', data: { node: 'piha' } })));
    expect(reasons(await reader.newest({ limit: 5, type: 'file_quarantined' }))).toEqual(['the only one']);
    const many = await reader.newest({ limit: 3, type: 'node_joined' });
    expect(many.map(({ ord }) => ord)).toEqual([2699, 2700, 2701]);
  });

  it('matches a node by its name of today, also where the hub speaks of it, and a service, a class, a time', async () => {
    await house.own([{ type: 'aliases_changed', data: { aliases: { 'node-1': 'piha' } } }]);
    await house.says('node-1', born('broker', 'i1'), healthy('broker', 'i1'));
    await house.own([{ type: 'node_silent', data: { node: 'vps', lastWordAt: null } }]);
    await house.clock.advance(60_000);
    await house.says('node-1', born('bridge', 'i2'));
    const types = async (query: object): Promise<string[]> =>
      (await reader.newest({ limit: 10, ...query })).map(({ type }) => type);
    expect(await types({ node: 'vps' })).toEqual(['node_silent']);
    expect(await types({ node: 'piha', service: 'broker' })).toEqual(['service_progressing', 'service_healthy']);
    expect(await types({ class: 'control' })).toEqual(['aliases_changed']);
    expect(await types({ since: '2026-01-01T00:00:30.000Z' })).toEqual(['service_progressing']);
  });

  it('follows what is there and what comes, in order, each once', async () => {
    await house.own(['a', 'b'].map(note));
    const seen: unknown[] = [];
    const stop = new AbortController();
    const following = reader.follow(1, (event) => void seen.push(event.data.reason), stop.signal);
    await settle();
    await house.own(['c', 'd'].map(note));
    await settle();
    await house.own([note('e')]);
    await settle();
    expect(seen).toEqual(['b', 'c', 'd', 'e']);
    stop.abort();
    await following;
  });

  it('gives a slow reader what came meanwhile', async () => {
    await house.own([note('a')]);
    const seen: unknown[] = [];
    const stop = new AbortController();
    const slow = async (event: EventView): Promise<void> => {
      if (seen.length === 0) await house.own(['b', 'c'].map(note));
      seen.push(event.data.reason);
      if (seen.length === 3) stop.abort();
    };
    await reader.follow(0, slow, stop.signal);
    expect(seen).toEqual(['a', 'b', 'c']);
  });

  it('sleeps where the newest line cannot be read, until there is another', async () => {
    const listeners = new Set<(events: readonly JournalEvent[]) => void>();
    let head = 1;
    let reads = 0;
    let readable: JournalEvent[] = [];
    const damaged: ReadJournal = {
      get head() {
        return head;
      },
      read: async function* (from) {
        reads++;
        if (reads > 50) throw new Error('it reads again and again');
        yield readable.filter(({ ord }) => ord >= from);
      },
      onAppend: (listener) => {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    };
    const seen: number[] = [];
    const stop = new AbortController();
    const following = new EventReader(damaged, ({ node }) => node).follow(
      0,
      ({ ord }) => void seen.push(ord),
      stop.signal,
    );
    await settle();
    expect(reads).toBeLessThan(5);
    const [next] = await house.own([note('next')]);
    if (next === undefined) throw new Error('nothing was said');
    readable = [{ ...next, ord: 2 }];
    head = 2;
    for (const listener of listeners) listener(readable);
    await settle();
    expect(seen).toEqual([2]);
    stop.abort();
    await following;
    expect(listeners.size).toBe(0);
  });

  it('lets go of who went away', async () => {
    const stop = new AbortController();
    const following = reader.follow(0, () => {}, stop.signal);
    await settle();
    stop.abort();
    await expect(following).resolves.toBeUndefined();
  });
});
