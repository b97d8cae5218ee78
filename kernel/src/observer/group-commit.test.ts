import { LabError } from '@lab/sdk';
import { settle } from '@lab/sdk/testing';
import { expect, it } from 'vitest';
import { GroupCommit, type Outcome } from './group-commit.ts';

function slow(more: { groupBytes?: number; backlogBytes?: number } = {}) {
  const groups: number[][] = [];
  const finish: (() => void)[] = [];
  const commits = new GroupCommit<number, number>({
    commit: async (requests): Promise<Outcome<number>[]> => {
      groups.push([...requests]);
      await new Promise<void>((resolve) => finish.push(resolve));
      return requests.map((n) => (n < 0 ? { error: new LabError('invalid', 'negative') } : { value: n * 2 }));
    },
    sizeOf: () => 10,
    ...more,
  });
  return { groups, commits, next: () => settle().then(() => finish.shift()?.()) };
}

it('what comes during a commit shares the next one, in order, each with its own outcome', async () => {
  const { groups, commits, next } = slow();
  const first = [commits.add(1), commits.add(2)];
  await settle();
  const second = [commits.add(3), commits.add(-4), commits.add(5)];
  await next();
  expect(await Promise.all(first)).toEqual([2, 4]);
  await next();
  expect((await Promise.allSettled(second)).map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
  ]);
  expect(groups).toEqual([
    [1, 2],
    [3, -4, 5],
  ]);
});

it('bounds a group, and what waits', async () => {
  const { groups, commits, next } = slow({ groupBytes: 20, backlogBytes: 50 });
  const all = [1, 2, 3, 4, 5].map((n) => commits.add(n));
  await expect(commits.add(6)).rejects.toMatchObject({ code: 'disk' });
  for (let turn = 0; turn < 3; turn++) await next();
  await Promise.all(all);
  expect(groups).toEqual([[1, 2], [3, 4], [5]]);
  const late = commits.add(7);
  await next();
  expect(await late).toBe(14);
});

it('work that is exclusive runs between two commits', async () => {
  const { groups, commits, next } = slow();
  const first = commits.add(1);
  await settle();
  const seen: unknown[] = [];
  const alone = commits.exclusive(async () => {
    seen.push(groups.length);
    await settle();
    seen.push(groups.length);
  });
  const second = commits.add(2);
  await next();
  await alone;
  expect([await first, seen]).toEqual([2, [1, 1]]);
  await next();
  expect(await second).toBe(4);
  await commits.idle();
});

it('a commit that fails rejects its group and no other', async () => {
  let broken = true;
  const commits = new GroupCommit<number, number>({
    commit: async (requests) => {
      if (broken) throw new LabError('disk', 'full');
      return requests.map((value) => ({ value }));
    },
    sizeOf: () => 1,
  });
  const failed = await Promise.allSettled([commits.add(1), commits.add(2)]);
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  broken = false;
  expect(await commits.add(3)).toBe(3);
});
