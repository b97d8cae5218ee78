import { createServer, type Server } from 'node:net';
import { MemoryDisk } from '@lab/kernel/testing/memory-disk';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PortBook } from './port-book.ts';

const FILE = '/node/ports.json';

describe('the book of ports', () => {
  let disk: MemoryDisk;
  let bad: string[];
  let first: number;
  const servers: Server[] = [];

  const open = (on = disk): Promise<PortBook> => PortBook.open(on, FILE, async (path) => void bad.push(path), first);
  const hold = (port: number): Promise<number> =>
    new Promise((resolve, reject) => {
      const server = createServer();
      servers.push(server);
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });

  beforeEach(async () => {
    disk = new MemoryDisk();
    bad = [];
    // One that is held, with room above it.
    do first = await hold(0);
    while (first > 60_000);
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  });

  it('gives a service the same numbers for ever, also after a power cut', async () => {
    const book = await open();
    const given = await book.give('piha', 'web', { http: 80, admin: 81 });
    expect(new Set(Object.values(given)).size).toBe(2);
    expect(await book.give('piha', 'web', { http: 80, admin: 81 })).toEqual(given);
    const next = await open(disk.crash());
    expect(await next.give('piha', 'web', { admin: 81 })).toEqual({ admin: given.admin });
    expect(await next.give('piha', 'web', { http: 80, admin: 81 })).toEqual(given);
  });

  it('gives no number twice, however many ask at once', async () => {
    const book = await open();
    const all = await Promise.all(
      ['piha', 'vps'].flatMap((node) => ['a', 'b', 'c'].map((service) => book.give(node, service, { http: 80 }))),
    );
    expect(new Set(all.map(({ http }) => http)).size).toBe(6);
  });

  it('gives none that somebody else holds', async () => {
    const held = first;
    const given = await (await open()).give('piha', 'web', { http: 80 });
    expect(given.http).toBeGreaterThan(held);
  });

  it('has a number on disk before anybody uses it, and gives none where it cannot be written', async () => {
    const book = await open();
    disk.fail({ call: 'write', code: 'ENOSPC', nth: 1 });
    await expect(book.give('piha', 'web', { http: 80 })).rejects.toMatchObject({ code: 'disk' });
    const { http } = await book.give('vps', 'web', { http: 80 });
    const stored = JSON.parse(Buffer.from((await disk.crash().read(FILE)) ?? []).toString());
    expect(stored).toEqual({ 'vps/web': { http } });
  });

  it('is begun anew where it was spoilt', async () => {
    await (await open()).give('piha', 'web', { http: 80 });
    disk.damage(FILE, () => new TextEncoder().encode('{"piha/web": {"http": 99999}}'));
    const next = await open();
    expect(bad).toEqual([FILE]);
    await expect(next.give('piha', 'web', { http: 80 })).resolves.toHaveProperty('http');
  });

  it('gives nothing to who wants nothing, and writes nothing for it', async () => {
    expect(await (await open()).give('piha', 'web', {})).toEqual({});
    expect(await disk.read(FILE)).toBeUndefined();
  });
});
