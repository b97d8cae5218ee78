import { LabError } from '@lab/sdk';
import { expect, it } from 'vitest';
import { unlessOvertaken } from './overtaken.ts';

it('answers what the move answers', async () => {
  expect(await unlessOvertaken(async () => 7)).toBe(7);
});

it.each(['conflict', 'stale'] as const)('goes on where somebody was first: %s', async (code) => {
  const refused = (): Promise<number> => Promise.reject(new LabError(code, 'it is approved, by anna'));
  expect(await unlessOvertaken(refused)).toBeUndefined();
});

it('does not hide what else went wrong', async () => {
  await expect(unlessOvertaken(() => Promise.reject(new LabError('disk', 'full')))).rejects.toThrow('full');
});
