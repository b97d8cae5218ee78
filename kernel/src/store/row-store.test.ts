import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock, KeptLog } from '@lab/sdk/testing';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { NodeDisk } from '../disk/node-disk.ts';
import { Quarantine } from '../observer/quarantine.ts';
import type { ChangedRow } from '../observer/world.ts';
import { migrate, migrations } from './migrate.ts';
import { RowStore } from './row-store.ts';

let root: string;
let path: string;
const log = new KeptLog();

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'lab-store-'));
  path = join(root, 'state/lab.db');
});
afterEach(() => rm(root, { recursive: true }));

function open(): Promise<RowStore> {
  const disk = new NodeDisk();
  const quarantine = new Quarantine({ disk, dir: join(root, 'quarantine'), clock: new FakeClock(), log });
  return RowStore.open(path, { disk, quarantine, log });
}

const row = (key: string, value: unknown): ChangedRow => ({ class: 'health', kind: 'service', key, row: value });
const position = (node: string, seq: number) => ({ node, log: 'abcd', class: 'health', seq, hash: null }) as const;

it('gives back what was saved, as of the last save', async () => {
  const store = await open();
  store.save({
    journal: 'j',
    ord: 3,
    positions: [position('a', 2)],
    changed: [row('a/x', { n: 1 }), row('a/y', { n: 1 })],
  });
  store.save({
    journal: 'j',
    ord: 5,
    positions: [position('a', 2), position('b', 7)],
    changed: [row('a/x', { n: 2 }), row('a/y', undefined)],
  });
  store.close();
  const again = await open();
  expect(again.load('j', 5)).toEqual({
    ord: 5,
    positions: [position('a', 2), position('b', 7)],
    rows: [row('a/x', { n: 2 })],
  });
  again.close();
});

it('a whole save leaves nothing of what was there', async () => {
  const store = await open();
  store.save({ journal: 'j', ord: 3, positions: [position('a', 2)], changed: [row('a/x', 1)] });
  store.save({ journal: 'j', ord: 9, positions: [position('b', 1)], changed: [row('b/x', 1)], whole: true });
  expect(store.load('j', 9)).toEqual({ ord: 9, positions: [position('b', 1)], rows: [row('b/x', 1)] });
  store.close();
});

it.each([
  ['another journal', 'k', 9],
  ['a head behind it', 'j', 2],
])('does not vouch for %s, and is empty then', async (_name, journal, head) => {
  const store = await open();
  store.save({ journal: 'j', ord: 3, positions: [position('a', 2)], changed: [row('a/x', 1)] });
  expect(store.load(journal, head)).toBeUndefined();
  expect(store.load('j', 3)).toBeUndefined();
  store.save({ journal, ord: 1, positions: [], changed: [] });
  expect(store.load(journal, 1)).toEqual({ ord: 1, positions: [], rows: [] });
  store.close();
});

it('a save that fails changes nothing', async () => {
  const store = await open();
  store.save({ journal: 'j', ord: 3, positions: [position('a', 2)], changed: [row('a/x', 1)] });
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  expect(() =>
    store.save({ journal: 'j', ord: 4, positions: [position('a', 3)], changed: [row('a/x', 2), row('a/y', circular)] }),
  ).toThrow(expect.objectContaining({ code: 'disk' }));
  store.save({ journal: 'j', ord: 5, positions: [position('a', 3)], changed: [] });
  expect(store.load('j', 5)).toEqual({ ord: 5, positions: [position('a', 3)], rows: [row('a/x', 1)] });
  store.close();
});

it.each(['no database at all', ''])('a file that holds %o is moved aside and built again', async (content) => {
  const store = await open();
  store.save({ journal: 'j', ord: 3, positions: [], changed: [row('a/x', 1)] });
  store.close();
  await writeFile(path, content.repeat(1000));
  const again = await open();
  expect(again.load('j', 3)).toBeUndefined();
  again.save({ journal: 'j', ord: 3, positions: [], changed: [row('a/x', 2)] });
  expect(again.load('j', 3)?.rows).toEqual([row('a/x', 2)]);
  again.close();
});

it('a damaged page is found at the start', async () => {
  const store = await open();
  const many = Array.from({ length: 2000 }, (_, n) => row(`node/${n}`, { text: 'x'.repeat(100) }));
  store.save({ journal: 'j', ord: 3, positions: [], changed: many });
  store.close();
  const bytes = await readFile(path);
  bytes.fill(0xa5, 4096 * 3, 4096 * 8);
  await writeFile(path, bytes);
  const again = await open();
  expect(again.load('j', 3)).toBeUndefined();
  again.close();
});

it('the migrations together are schema.sql, and each is applied once', async () => {
  const schemaOf = (sql: (database: Sqlite.Database) => void): unknown[] => {
    const database = new Sqlite(':memory:');
    sql(database);
    const found = database
      .prepare("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name")
      .all();
    database.close();
    return found;
  };
  const schema = await readFile(join(import.meta.dirname, 'schema.sql'), 'utf8');
  const made = schemaOf((database) => {
    migrate(database);
    migrate(database);
  });
  expect(made).toHaveLength(4);
  expect(made).toEqual(schemaOf((database) => database.exec(schema)));
});

it('a database of another history is refused', () => {
  const database = new Sqlite(':memory:');
  migrate(database);
  const changed = migrations().map((migration) => ({ ...migration, sha256: 'another' }));
  expect(() => migrate(database, changed)).toThrow(expect.objectContaining({ code: 'corrupt' }));
  expect(() => migrate(database, [])).toThrow(expect.objectContaining({ code: 'corrupt' }));
  database.close();
});
