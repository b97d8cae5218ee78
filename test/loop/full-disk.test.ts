/** The hub cannot write its queue: people are told so where they look, and once it can again the work goes on. */
import { LabError } from '@lab/sdk';
import { expect, it } from 'vitest';
import { Lab, policy } from './house.ts';

const RESTART = 'container-restart-piha-broker';

it('status says why nothing is proposed, until there is space again', async () => {
  await using lab = await Lab.start(policy('change: auto, heal: ask'));
  const create = lab.disk.create.bind(lab.disk);
  lab.disk.create = async (path) => {
    throw new LabError('disk', `cannot write ${path}: ENOSPC`, { at: path, hint: 'free some space: the disk is full' });
  };
  await lab.dies('piha', 'broker');
  await lab.pass(5_000);
  const { problems, pending } = await lab.plane.status();
  expect(pending).toEqual([]);
  expect(problems).toMatchObject([
    { severity: 'warning', message: expect.stringMatching(/^nothing is proposed for now: .*ENOSPC.*free some space/) },
  ]);
  lab.disk.create = create;
  await lab.until(() => lab.action(RESTART)?.state === 'pending', 'it is proposed');
  expect((await lab.plane.status()).problems).toEqual([]);
});
