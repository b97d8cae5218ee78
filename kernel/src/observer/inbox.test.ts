import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '@lab/sdk';
import { expect, it } from 'vitest';
import { CrashingDisk } from '../../testing/crashing-disk.ts';
import { collect, EventHouse } from '../../testing/event-house.ts';
import { MemoryDisk } from '../../testing/memory-disk.ts';
import type { Disk } from '../disk/disk.ts';
import { NodeDisk } from '../disk/node-disk.ts';
import { Inbox, logOf } from './inbox.ts';
import { Quarantine } from './quarantine.ts';

const fact = (n: number, more: object = {}): string =>
  JSON.stringify({ node: 'n1', type: 'noted', data: { n }, ...more });

async function at(disk: Disk, root = '/hub') {
  const house = new EventHouse();
  house.registry.add({
    type: 'file_quarantined',
    class: 'control',
    origin: 'any',
    severity: 'warning',
    data: house.registry.get('counted')?.data ?? expect.fail(),
  });
  const { clock, log, registry } = house;
  const journal = await house.journal(disk, { root });
  const quarantine = new Quarantine({ disk, dir: join(root, 'quarantine'), clock, log });
  return { house, journal, inbox: new Inbox({ disk, root, journal, registry, quarantine, log }) };
}

const drop = (disk: Disk, name: string, content: string | Uint8Array): Promise<void> =>
  disk.replace(`/hub/events/inbox/${name}`, content);

it('takes the facts of a file about a node as a log of its own, each class a stream', async () => {
  const disk = new MemoryDisk();
  const { inbox, journal } = await at(disk);
  const content = [
    fact(1, { at: '1970-01-01T00:00:05Z', source: 'backup', service: 's' }),
    fact(2, { node: 'n2' }),
    '',
    fact(3, { type: 'felt' }),
    fact(4),
    fact(5, { type: 'of_the_future' }),
    fact(6, { type: 'of_the_future', class: 'health' }),
  ].join('\n');
  await drop(disk, 'a.jsonl', content);
  expect(await inbox.scan()).toEqual({ files: 1, events: 6, quarantined: 0 });
  const events = await collect(journal.read(1));
  expect(events.map(({ node, class: cls, seq, data }) => `${data.n}: ${node} ${cls} ${seq}`).sort()).toEqual([
    ...['1: n1 control 1', '2: n2 control 1', '3: n1 health 1', '4: n1 control 2', '5: n1 bulk 1', '6: n1 health 2'],
  ]);
  for (const { node, log } of events) expect(log).toBe(logOf(node, sha256(content)));
  expect(new Set(events.map(({ id }) => id)).size, 'no two events of a file have one id').toBe(6);
  expect(events.find(({ data }) => data.n === 1)).toMatchObject({
    at: '1970-01-01T00:00:05Z',
    source: 'backup',
    service: 's',
  });
  expect(await disk.list('/hub/events/inbox')).toEqual([]);
  await drop(disk, 'again.jsonl', content);
  await inbox.scan();
  expect([journal.head, await disk.list('/hub/events/inbox')]).toEqual([6, []]);
});

it('sets bad lines aside and takes the others', async () => {
  const disk = new MemoryDisk();
  const { inbox, journal } = await at(disk);
  const bad = [
    'garbage',
    '[]',
    fact(2, { extra: 1 }),
    fact(3, { data: { n: 'x' } }),
    fact(4, { type: 'decided' }),
    fact(5, { node: '' }),
  ];
  const long = fact(6, { type: 'unheard', data: { text: 'x'.repeat(2_000_000) } });
  await drop(disk, 'a', [fact(1), ...bad, long, fact(7)].join('\n'));
  expect(await inbox.scan()).toEqual({ files: 1, events: 2, quarantined: 7 });
  const events = await collect(journal.read(1));
  expect(events.filter(({ node }) => node === 'n1').map(({ data }) => data.n)).toEqual([1, 7]);
  expect(events.at(-1)).toMatchObject({ type: 'file_quarantined', data: { reason: /^6 lines; the first: line 2/ } });
});

it.each([
  ['binary', Buffer.from([0, 1, 2, 255])],
  ['not UTF-8', Buffer.from([0xc3, 0x28, 0x0a])],
  ['too large', Buffer.alloc(17 * 1024 * 1024, 'x')],
])('a file that is %s goes to quarantine whole, and is said', async (_name, content) => {
  const disk = new MemoryDisk();
  const { inbox, journal } = await at(disk);
  await drop(disk, 'bad', content);
  await drop(disk, 'good', fact(1));
  expect(await inbox.scan()).toEqual({ files: 2, events: 1, quarantined: 1 });
  expect((await collect(journal.read(1))).map(({ type }) => type)).toEqual(['file_quarantined', 'noted']);
  expect(await disk.list('/hub/events/inbox')).toEqual([]);
  expect((await disk.list('/hub/quarantine')).length).toBe(2);
});

it('reads nothing through links, no folders, and nothing that is still written', async () => {
  const root = await mkdtemp(join(tmpdir(), 'lab-inbox-'));
  try {
    const disk = new NodeDisk();
    const { inbox, journal } = await at(disk, root);
    await disk.replace(join(root, 'secret'), fact(1));
    await disk.replace(join(root, 'events/inbox/.partial'), fact(2));
    await disk.replace(join(root, 'events/inbox/folder/file'), fact(3));
    await symlink(join(root, 'secret'), join(root, 'events/inbox/link'));
    expect(await inbox.scan()).toEqual({ files: 2, events: 0, quarantined: 2 });
    expect((await collect(journal.read(1))).map(({ type }) => type)).toEqual(['file_quarantined', 'file_quarantined']);
    expect(await disk.list(join(root, 'events/inbox'))).toEqual(['.partial']);
    expect(Buffer.from((await disk.read(join(root, 'secret'))) ?? []).toString()).toBe(fact(1));
    await journal.close();
  } finally {
    await rm(root, { recursive: true });
  }
});

it('takes each fact once, wherever it is killed', async () => {
  const content = Array.from({ length: 1_200 }, (_, n) => fact(n, n % 3 === 0 ? { node: 'n2' } : {})).join('\n');
  const run = async (disk: MemoryDisk, plan: { at?: number; when?: 'before' | 'after' }): Promise<CrashingDisk> => {
    const crashing = new CrashingDisk(disk, plan);
    const { inbox } = await at(crashing).catch(() => ({ inbox: undefined }));
    await inbox?.scan().catch(() => undefined);
    return crashing;
  };
  const prepared = async (): Promise<MemoryDisk> => {
    const disk = new MemoryDisk();
    await drop(disk, 'a', content);
    return disk;
  };
  const acts = (await run(await prepared(), {})).acts.length;
  expect(acts).toBeGreaterThan(8);
  for (let act = 1; act <= acts; act++) {
    for (const when of ['before', 'after'] as const) {
      const disk = await prepared();
      expect((await run(disk, { at: act, when })).dead).toBe(true);
      const left = disk.crash({ keep: act % 2 === 0 ? 'all' : 'synced' });
      const { inbox, journal } = await at(left);
      await inbox.scan();
      const numbers = (await collect(journal.read(1))).map(({ data }) => data.n as number).sort((a, b) => a - b);
      expect(numbers).toEqual(Array.from({ length: 1_200 }, (_, n) => n));
      expect(await left.list('/hub/events/inbox')).toEqual([]);
    }
  }
});
