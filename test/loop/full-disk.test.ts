/** The hub's disk is full: people are told so where they look, and once there is space the work goes on. */
import { expect, it } from 'vitest';
import { Lab, policy } from './house.ts';

const RESTART = 'container-restart-piha-broker';

it('status says why nothing is proposed, until there is space again', async () => {
  await using lab = await Lab.start(policy('change: auto, heal: ask'));
  lab.disk.capacityBytes = lab.disk.usedBytes;
  await lab.dies('piha', 'broker').catch(() => undefined);
  await lab.pass(15_000);
  expect((await lab.plane.status()).problems).toMatchObject([
    { severity: 'warning', message: expect.stringMatching(/ENOSPC.*free some space/) },
  ]);
  lab.disk.capacityBytes = undefined;
  await lab.until(() => lab.action(RESTART)?.state === 'pending', 'it is proposed');
  expect((await lab.plane.status()).problems).toEqual([]);
});
