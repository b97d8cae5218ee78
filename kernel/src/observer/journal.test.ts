import type { EventClass } from '@lab/sdk';
import { eventId, type JournalEvent, type LabEvent } from '@lab/sdk';
import { describe, expect, it } from 'vitest';
import { collect, drain, EventHouse } from '../../testing/event-house.ts';
import { MemoryDisk } from '../../testing/memory-disk.ts';

const CLASS_OF: Record<string, EventClass> = {
  noted: 'control',
  felt: 'health',
  counted: 'bulk',
  events_dropped: 'control',
};
const sender = { node: 'n1', log: 'loga' };

function line(seq: number, more: Partial<LabEvent> = {}): string {
  const type = more.type ?? 'noted';
  const cls = more.class ?? CLASS_OF[type] ?? 'control';
  const event: LabEvent = {
    id: eventId('loga', cls, seq),
    node: 'n1',
    log: 'loga',
    epoch: 1,
    class: cls,
    seq,
    type,
    at: '1970-01-01T00:00:00Z',
    severity: 'info',
    data: { n: seq },
    ...more,
  };
  return JSON.stringify(event);
}

const lines = (from: number, to: number, more: Partial<LabEvent> = {}): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => line(from + index, more));

async function at(disk = new MemoryDisk()) {
  const house = new EventHouse();
  const journal = await house.journal(disk);
  const heard: JournalEvent[] = [];
  journal.onAppend((events) => heard.push(...events));
  const accept = (from: number, these: readonly string[], cls: EventClass = 'control') =>
    journal.accept(sender, { class: cls, from, lines: these });
  return { house, disk, journal, heard, accept };
}

describe('accept', () => {
  it('continues the position, keeps the line as it came, and says it in order', async () => {
    const { journal, heard, accept, disk, house } = await at();
    const spaced = line(3).replace('"node":', ' "node" : ');
    expect(await accept(1, [...lines(1, 2), spaced])).toEqual({ acked: 3, quarantined: 0 });
    expect(heard.map(({ ord, seq, receivedAt }) => [ord, seq, receivedAt])).toEqual(
      [1, 2, 3].map((n) => [n, n, '2026-01-01T00:00:00.000Z']),
    );
    expect(await journal.senderLine(3)).toBe(spaced);
    const again = await house.journal(disk.crash());
    expect(await collect(again.read(1))).toEqual(heard);
    expect(again.positions()).toEqual(journal.positions());
    expect(again.head).toBe(3);
  });

  it('takes each line once, however often it comes', async () => {
    const { journal, heard, accept } = await at();
    await Promise.all([accept(1, lines(1, 3)), accept(1, lines(1, 5)), accept(2, lines(2, 4)), accept(5, lines(5, 6))]);
    expect(await accept(1, lines(1, 6))).toEqual({ acked: 6, quarantined: 0 });
    expect(await accept(7, [])).toEqual({ acked: 6, quarantined: 0 });
    expect(heard.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(journal.head).toBe(6);
  });

  it('refuses a gap, with the position', async () => {
    const { accept, journal } = await at();
    await accept(1, lines(1, 2));
    await expect(accept(4, lines(4, 5))).rejects.toMatchObject({ code: 'conflict', data: { acked: 2 } });
    expect(journal.head).toBe(2);
  });

  it('keeps nodes, logs and classes apart', async () => {
    const { accept, journal } = await at();
    await accept(1, lines(1, 2));
    await accept(1, lines(1, 3, { type: 'felt' }), 'health');
    await journal.accept(
      { node: 'n2', log: 'loga' },
      { class: 'control', from: 1, lines: lines(1, 1, { node: 'n2' }) },
    );
    expect(journal.positions().map(({ node, class: cls, seq }) => [node, cls, seq])).toEqual([
      ['n1', 'control', 2],
      ['n1', 'health', 3],
      ['n2', 'control', 1],
    ]);
  });

  it.each([
    ['no JSON', 'garbage'],
    ['binary', '\0\u0001'],
    ['an array', '[]'],
    ['two lines in one', line(2).replace(',', ',\n')],
    ['half a surrogate', line(2, { service: '\ud800' }).replace('\\ud800', '\ud800')],
    ['a member too many', line(2).replace('{', '{"ord":7,')],
    ['a member missing', line(2).replace('"epoch":1,', '')],
    ['another node', line(2, { node: 'n2' })],
    ['another log', line(2, { log: 'logb' })],
    ['another class', line(2, { class: 'health' })],
    ['another seq', line(3)],
    ['a future seq', line(9_000_000)],
    ['an id of elsewhere', line(2, { id: 'loga.c9' })],
    ['what only the hub says', line(2, { type: 'decided' })],
    ['what only the journal says', line(2, { type: 'events_quarantined' })],
    ['data that its type does not allow', line(2, { data: { n: 'x' } })],
    ['a type of another class', line(2, { type: 'felt', class: 'control' })],
    [
      'control that is dropped',
      line(2, { type: 'events_dropped', data: { class: 'control', from: 1, to: 2, count: 2 } }),
    ],
    ['a line that is too long', line(2, { type: 'unheard', data: { text: 'x'.repeat(1_100_000) } })],
  ])('sets aside and acknowledges %s', async (_name, bad) => {
    const { journal, accept, heard, disk, house } = await at();
    expect(await accept(1, [line(1), bad, line(3), bad])).toEqual({ acked: 4, quarantined: 2 });
    expect(heard.map(({ type, seq }) => [type, seq])).toEqual([
      ['noted', 1],
      ['noted', 3],
      ['events_quarantined', 1],
    ]);
    expect(heard[2]).toMatchObject({
      node: 'hub',
      log: journal.ownLog,
      severity: 'warning',
      data: { node: 'n1', log: 'loga', class: 'control', from: 2, to: 4, reason: expect.stringMatching(/^2 lines; /) },
    });
    expect(journal.position('n1', 'loga', 'control')).toMatchObject({ seq: 4, hash: null });
    const again = await house.journal(disk.crash());
    expect(again.positions()).toEqual(journal.positions());
    const kept = (await disk.list('/hub/quarantine')).filter((name) => name.includes('n1-loga-control-2'));
    expect(kept).toHaveLength(2);
    await accept(5, [line(5)]);
    expect(journal.position('n1', 'loga', 'control')?.seq).toBe(5);
  });

  it('stores a type that it does not know', async () => {
    const { accept, heard } = await at();
    expect(await accept(1, [line(1, { type: 'of_the_future', data: { x: [1] } })])).toMatchObject({ quarantined: 0 });
    expect(heard[0]).toMatchObject({ type: 'of_the_future', data: { x: [1] } });
  });

  it('passes a range that the sender dropped, whichever comes first', async () => {
    for (const early of [false, true]) {
      const { accept, journal, house, disk } = await at();
      const dropped = line(1, { type: 'events_dropped', data: { class: 'bulk', from: 3, to: 6, count: 4 } });
      if (early) await accept(1, [dropped]);
      await accept(1, lines(1, 2, { type: 'counted' }), 'bulk');
      if (!early) await accept(1, [dropped]);
      expect(journal.position('n1', 'loga', 'bulk')).toMatchObject({ seq: 6, hash: null });
      expect(await accept(3, lines(3, 7, { type: 'counted' }), 'bulk')).toEqual({ acked: 7, quarantined: 0 });
      expect((await collect(journal.read(1))).map(({ seq, class: cls }) => `${cls} ${seq}`).sort()).toEqual([
        'bulk 1',
        'bulk 2',
        'bulk 7',
        'control 1',
      ]);
      expect((await house.journal(disk.crash())).positions()).toEqual(journal.positions());
    }
  });

  it('of a batch beyond a dropped range takes the rest', async () => {
    const { accept, journal } = await at();
    await accept(1, [line(1, { type: 'events_dropped', data: { class: 'bulk', from: 1, to: 3, count: 3 } })]);
    expect(await accept(2, lines(2, 5, { type: 'counted' }), 'bulk')).toEqual({ acked: 5, quarantined: 0 });
    expect(journal.head).toBe(3);
  });

  it('refuses the hub’s own log, and a batch of no form', async () => {
    const { journal, accept } = await at();
    await expect(
      journal.accept({ node: 'n1', log: journal.ownLog }, { class: 'control', from: 1, lines: [] }),
    ).rejects.toMatchObject({ code: 'refused' });
    await expect(accept(0, [line(1)])).rejects.toMatchObject({ code: 'invalid' });
    await expect(accept(1, [line(1)], 'other' as EventClass)).rejects.toMatchObject({ code: 'invalid' });
  });

  it('acknowledges nothing that is not on disk, and takes it when there is room again', async () => {
    for (const call of ['write', 'sync'] as const) {
      const { journal, accept, heard, disk, house } = await at();
      await accept(1, lines(1, 2));
      disk.fail({ call, nth: 1, code: 'ENOSPC' });
      await expect(accept(3, lines(3, 4))).rejects.toMatchObject({ code: 'disk' });
      expect([journal.head, journal.position('n1', 'loga', 'control')?.seq, heard.length]).toEqual([2, 2, 2]);
      expect(await accept(3, lines(3, 4))).toEqual({ acked: 4, quarantined: 0 });
      expect(await collect((await house.journal(disk.crash())).read(1))).toEqual(heard);
    }
  });

  it('a listener that throws disturbs nobody', async () => {
    const { journal, accept, house } = await at();
    journal.onAppend(() => {
      throw new Error('mine');
    });
    const heard: number[] = [];
    const stop = journal.onAppend((events) => heard.push(...events.map(({ ord }) => ord)));
    await accept(1, lines(1, 2));
    stop();
    await accept(3, lines(3, 3));
    expect(heard).toEqual([1, 2]);
    expect(house.log.lines.filter(({ level }) => level === 'error')).toHaveLength(2);
  });
});

describe('own', () => {
  it('goes on in its own log across starts, all of a call or none', async () => {
    const { journal, disk, house } = await at();
    const first = await journal.own([
      { type: 'decided', data: { n: 1 } },
      { type: 'decided', service: 's', data: { n: 2 } },
    ]);
    expect(first.map(({ ord, node, seq, epoch }) => [ord, node, seq, epoch])).toEqual([
      [1, 'hub', 1, 1],
      [2, 'hub', 2, 1],
    ]);
    await expect(
      journal.own([
        { type: 'decided', data: { n: 3 } },
        { type: 'decided', data: { n: 'x' } },
      ]),
    ).rejects.toMatchObject({ code: 'invalid' });
    await expect(journal.own([{ type: 'noted', data: { n: 1 } }])).rejects.toMatchObject({ code: 'not_allowed' });
    expect(journal.head).toBe(2);
    const again = await house.journal(disk.crash());
    const [next] = await again.own([{ type: 'decided', data: { n: 4 } }]);
    expect(next).toMatchObject({ ord: 3, log: journal.ownLog, seq: 3, epoch: 2 });
  });
});

describe('days', () => {
  it('begins a folder a day, never goes back, and gives no time twice', async () => {
    const { accept, journal, house, disk } = await at();
    await accept(1, [line(1)]);
    house.clock.jump(Date.UTC(2026, 0, 3, 12));
    await accept(2, [line(2)]);
    house.clock.jump(0);
    await accept(3, [line(3)]);
    expect(await disk.list('/hub/events')).toEqual(['2026-01-01', '2026-01-03', 'journal.json']);
    const times = (await collect(journal.read(1))).map(({ receivedAt }) => receivedAt);
    expect(times).toEqual(['2026-01-01T00:00:00.000Z', '2026-01-03T12:00:00.000Z', '2026-01-03T12:00:00.000Z']);
    const again = await house.journal(disk.crash(), {
      start: async () => ({ ord: 3, positions: journal.positions() }),
    });
    const [own] = await again.own([{ type: 'decided', data: { n: 1 } }]);
    expect(own).toMatchObject({ ord: 4, receivedAt: '2026-01-03T12:00:00.000Z' });
  });

  it('prunes what is before a day as far as a snapshot has it', async () => {
    const { accept, journal, house, disk } = await at();
    for (let day = 1; day <= 4; day++) {
      house.clock.jump(Date.UTC(2026, 0, day));
      await accept(day * 2 - 1, lines(day * 2 - 1, day * 2));
    }
    const covering = (ord: number | undefined) => ({ oldest: async () => (ord === undefined ? undefined : { ord }) });
    expect(await journal.prune('2026-01-03', covering(undefined))).toBe(0);
    expect(await journal.prune('2026-01-03', covering(3))).toBe(1);
    expect(journal.first).toBe(3);
    expect(await journal.prune('2026-01-03', covering(100))).toBe(1);
    expect(await journal.prune('2027-01-01', covering(100))).toBe(1);
    expect(await disk.list('/hub/events')).toEqual(['2026-01-04', 'journal.json']);
    const again = await house.journal(disk.crash(), {
      start: async () => ({ ord: 8, positions: journal.positions() }),
    });
    expect([again.first, again.head, again.position('n1', 'loga', 'control')?.seq]).toEqual([7, 8, 8]);
  });
});

describe('opening', () => {
  it('begins from a checkpoint, but not from one that is ahead', async () => {
    const { accept, journal, house, disk } = await at();
    await accept(1, lines(1, 3));
    const start = { ord: journal.head, positions: journal.positions() };
    await accept(4, lines(4, 6));
    const cut = disk.at(disk.ops.length);
    expect((await house.journal(cut, { start: async () => start })).positions()).toEqual(journal.positions());
    const ahead = { ord: 7, positions: [{ ...sender, class: 'control', seq: 99, hash: null } as const] };
    expect((await house.journal(cut, { start: async () => ahead })).position('n1', 'loga', 'control')?.seq).toBe(6);
  });

  it('a write that was cut off with a hole in it is cut at the hole, so that no position passes what is lost', async () => {
    const house = new EventHouse();
    const disk = new MemoryDisk();
    const edge = await house.edge(disk);
    const journal = await house.journal(disk);
    for (let n = 1; n <= 3; n++) await edge.append({ type: 'noted', data: { n } });
    await drain(edge, journal);
    house.clock.jump(house.clock.now() + 1_000);
    for (let n = 4; n <= 7; n++) await edge.append({ type: 'noted', data: { n } });
    await drain(edge, journal);
    disk.damage('/hub/events/2026-01-01/1.jsonl', (data) => {
      const all = Buffer.from(data).toString().split('\n');
      return Buffer.from(all.map((each, index) => (index === 4 ? '\0'.repeat(each.length) : each)).join('\n'));
    });
    const again = await house.journal(disk);
    expect(again.position('n1', edge.log, 'control')?.seq).toBe(4);
    await drain(edge, again);
    expect((await collect(again.read(1))).map(({ data }) => data.n)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('begins a new log of its own where journal.json is spoilt', async () => {
    const { journal, disk, house } = await at();
    await journal.own([{ type: 'decided', data: { n: 1 } }]);
    disk.damage('/hub/events/journal.json', () => Buffer.from('?'));
    const again = await house.journal(disk);
    const [own] = await again.own([{ type: 'decided', data: { n: 2 } }]);
    expect(own).toMatchObject({ ord: 2, seq: 1 });
    expect(own?.log).not.toBe(journal.ownLog);
  });
});
