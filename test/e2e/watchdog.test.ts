/** A plugin that blocks the daemon's thread: found from outside, the second time disabled with its name, and no service notices. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PluginView } from '@lab/sdk';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Launched } from './launched.ts';
import { Machine } from './machine.ts';
import { BOLD, smallFleet } from './small-fleet.ts';
import { until } from './until.ts';

let machine: Machine;
let up: Launched;

beforeAll(async () => {
  machine = await Machine.make({
    fleet: smallFleet({ hosts: { hut: 'stove: {}', barn: 'cow: {}, hen: {}' }, policies: [BOLD] }),
    main: join(import.meta.dirname, 'stuck-up.ts'),
  });
  up = await machine.up();
});
afterAll(() => machine.cleanup());

const stuck = async (): Promise<PluginView | undefined> =>
  (await machine.get<PluginView[]>('/v1/plugins')).find(({ id, node }) => id === 'health.stuck' && node === 'barn');

it('is started again, then disabled by name, while services keep their processes', async () => {
  expect((await stuck())?.state).toBe('running');
  const living = machine.living();
  expect(living.size).toBe(3);
  const first = machine.daemonPid();
  await writeFile(join(machine.root, 'stuck'), '');
  // A new instance is what it is asked to look at next; the daemon is held before it can answer.
  void machine.lab('restart barn/cow --no-wait');
  expect(await up.said('plugin health.stuck blocks its thread; the next time it is disabled')).toMatch(
    /the daemon gave no sign of life for 3 s/,
  );
  await up.said('plugin health.stuck blocks its thread; it is disabled now, see lab plugins');
  await until('the third daemon', async () => machine.daemonPid() !== first && (await machine.status()).settled);
  const plugin = await stuck();
  expect(plugin).toMatchObject({
    state: 'disabled',
    reason: expect.stringMatching(/blocked the daemon's thread for 3 s/),
  });
  const { stdout } = await machine.lab('plugins');
  expect(stdout).toMatch(
    /^health\.stuck +barn +\S disabled .*delete it from state\/plugins\.json to let it try again$/m,
  );
  const after = machine.living();
  for (const name of ['barn/hen', 'hut/stove']) expect(after.get(name)).toBe(living.get(name));
  await machine.healthy('barn/cow');
  expect((await machine.status()).pending).toEqual([]);
});
