/** A person and the loop at one action, or at one service, in the same instant: one of them is first, and the other is told. */
import { expect, it } from 'vitest';
import { MemoryDisk } from '../../kernel/testing/memory-disk.ts';
import { approval, change, openHouse, PAUL, patchFor } from './house.ts';

it('what was looked at as pending is not moved once it is approved', async () => {
  const { store } = await openHouse(new MemoryDisk());
  const { id, ulid } = await store.propose(change(), PAUL);
  const approved = store.move(id, ulid, 'approve', { approval: approval() }, PAUL);
  const cancelled = store.move(id, ulid, 'cancel', patchFor('cancel'), PAUL, 'pending');
  expect((await approved).state).toBe('approved');
  await expect(cancelled).rejects.toMatchObject({ code: 'conflict' });
  expect(store.get(id)?.state).toBe('approved');
});

it('of two proposals for one service, each alone, one is there, until it has ended', async () => {
  const disk = new MemoryDisk();
  const { store } = await openHouse(disk);
  const [heal, start] = [change('container-restart-piha-web'), change('start-piha-web', { type: 'service_start' })];
  const both = await Promise.allSettled([heal, start].map((one) => store.propose(one, PAUL, { alone: true })));
  expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  // A next life knows it as well.
  const next = (await openHouse(disk.crash({ keep: 'all' }))).store;
  await expect(next.propose(start, PAUL, { alone: true })).rejects.toMatchObject({ code: 'conflict' });
  await next.move(heal.id, next.get(heal.id)?.ulid ?? '', 'cancel', patchFor('cancel'), PAUL);
  expect((await next.propose(start, PAUL, { alone: true })).state).toBe('pending');
});
