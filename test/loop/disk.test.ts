/** A disk that runs full is cleaned up once, and what cleaning does not help is said and not done again. */
import type { PressureRow } from '@lab/sdk';
import { expect, it } from 'vitest';
import { Lab, policy } from './house.ts';

const CLEANUP = 'disk-cleanup-piha';

it('goes high, is cleaned up once for each time, and is over below the lower threshold', async () => {
  await using lab = await Lab.start(policy('change: auto, cleanup: auto'));
  const level = () =>
    lab.life.daemon.hub.parts.observer.world.rows<PressureRow>('health', 'pressure').get('piha/disk')?.level;
  await lab.pass(120_000);
  expect([level(), lab.action(CLEANUP)]).toEqual([undefined, undefined]);
  lab.outside.usedPercent = 92;
  await lab.until(() => lab.action(CLEANUP)?.state === 'completed', 'it is cleaned up');
  const first = lab.action(CLEANUP)?.ulid;
  lab.outside.usedPercent = 87;
  await lab.pass(600_000);
  expect(level(), 'between the thresholds nothing changes').toBe('high');
  expect(lab.action(CLEANUP)?.ulid, 'it is not cleaned up again').toBe(first);
  expect((await lab.plane.status()).waiting.map(({ why }) => why.text)).toContain(
    'the disk of piha is 92 % full, also after cleaning up: what is left is data, and a person’s to remove',
  );
  await lab.end();
  await lab.begin();
  await lab.pass(120_000);
  expect(await lab.said('disk_pressure'), 'nor said again by the next daemon').toHaveLength(2);
  lab.outside.usedPercent = 80;
  await lab.until(() => level() === 'normal', 'it is over');
  lab.outside.usedPercent = 95;
  await lab.until(() => lab.action(CLEANUP)?.ulid !== first && lab.action(CLEANUP)?.state === 'completed', 'again');
});
