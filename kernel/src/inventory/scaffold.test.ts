import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadFleet } from './load.ts';
import { archFrom, newFleet, nodeNameFrom } from './scaffold.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lab-new-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test('a new fleet is one node and one service, and has no problem and no warning', async () => {
  const files = await newFleet(join(dir, 'mine'), { node: 'attic', arch: 'amd64' });
  expect(files).toContain('services/hello/server.mjs');
  expect(files).toContain('inventory/templates/how_to_add_new_node.yaml');
  const { fleet, problems } = await loadFleet(join(dir, 'mine'));
  expect(problems).toEqual([]);
  expect(fleet?.hub).toBe('attic');
  expect([...(fleet?.services.keys() ?? [])]).toEqual(['attic/hello']);
  const { heal, change, remove, cleanup } = fleet?.services.get('attic/hello')?.policy ?? {};
  expect([heal, change, remove, cleanup]).toEqual(['ask', 'ask', 'ask', 'ask']);
});

test('its service answers on the port that it is given, and ends when it is asked to', async () => {
  await newFleet(join(dir, 'mine'), { node: 'attic', arch: 'amd64' });
  const port = await freePort();
  const child = spawn(process.execPath, ['server.mjs'], {
    cwd: join(dir, 'mine/services/hello'),
    env: { ...process.env, PORT_HTTP: String(port), LAB_NODE: 'attic' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await new Promise((listening) => child.stdout.once('data', listening));
    expect(await (await fetch(`http://127.0.0.1:${port}/health`)).text()).toBe('ok\n');
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('Hello from attic\n');
    child.kill('SIGTERM');
    expect(await new Promise((ended) => child.once('exit', ended))).toBe(0);
  } finally {
    child.kill('SIGKILL');
  }
});

test('a directory with something in it is refused, and so is a name that no node can have', async () => {
  await writeFile(join(dir, 'notes.txt'), 'mine');
  await expect(newFleet(dir, { node: 'attic', arch: 'amd64' })).rejects.toMatchObject({ code: 'conflict' });
  await expect(newFleet(join(dir, 'x'), { node: 'My Machine', arch: 'amd64' })).rejects.toMatchObject({
    code: 'usage',
  });
});

test('names and architectures of machines are made fit', () => {
  expect(['Piha.local', 'JENS_PC', '---', 'a'].map(nodeNameFrom)).toEqual(['piha', 'jens-pc', 'home', 'a']);
  expect(['x64', 'arm64', 'arm'].map(archFrom)).toEqual(['amd64', 'arm64', 'armv7']);
});

function freePort(): Promise<number> {
  return new Promise((found) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => found(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
