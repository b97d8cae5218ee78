/**
 * One story, crashed at every durable act: before it, after it, and after every single step that the act takes on the disk, with what was
 * not synced gone (or, once, all kept). Each time a next life must bring the story to its end and keep the promises.
 */
import { expect } from 'vitest';
import { MemoryDisk } from '../../kernel/testing/memory-disk.ts';
import { Life, Outside } from './bottle.ts';
import { accountOf, keepsItsPromises } from './promises.ts';

export interface Story {
  /** The fleet's directory. */
  readonly dir: () => string;
  /** Makes the world outside (files that people write) what it was at that point of the past. */
  readonly prepare?: (outside: Outside) => Promise<void>;
  /** Goes on from wherever this life finds things; returns early where it dies. */
  readonly goOn: (life: Life) => Promise<void>;
  readonly ended: (life: Life) => boolean;
}

export interface Enumerated {
  readonly acts: number;
  readonly recoveries: number;
}

/** A life that tells the story from its beginning, as far as it gets. */
export async function tell(story: Story, at?: number, when: 'before' | 'after' = 'before') {
  const outside = new Outside();
  const disk = new MemoryDisk();
  await story.prepare?.(outside);
  const life = await Life.begin(outside, disk, story.dir(), at === undefined ? {} : { at, when });
  if (!life.dead) await story.goOn(life);
  await life.bury();
  return { outside, disk, life };
}

/** Every `stride`-th act, from the first one on. */
export async function crashEverywhere(story: Story, stride = 1): Promise<Enumerated> {
  const whole = await tell(story);
  expect(story.ended(whole.life), `undisturbed, the story ends well\n${accountOf(whole.life)}`).toBe(true);
  const acts = whole.life.disk.acts.length;
  let recoveries = 0;
  for (let at = 1; at <= acts; at += stride) {
    const before = await tell(story, at, 'before');
    if (!before.life.dead) break;
    const act = before.life.disk.acts.at(-1);
    const from = before.disk.ops.length;
    await recover(story, before.outside.fork(), before.disk.crash({ keep: 'synced' }), `before act ${at} (${act})`);
    const after = await tell(story, at, 'after');
    const to = after.disk.ops.length;
    await recover(
      story,
      after.outside.fork(),
      after.disk.crash({ keep: 'all' }),
      `after act ${at} (${act}), everything kept`,
    );
    recoveries += 2;
    for (let step = Math.min(from, to - 1) + 1; step <= to; step++) {
      await recover(
        story,
        after.outside.fork(),
        after.disk.at(step, { keep: 'synced' }),
        `after act ${at} (${act}), at step ${step} of the disk`,
      );
      recoveries += 1;
    }
  }
  return { acts, recoveries };
}

async function recover(story: Story, outside: Outside, disk: MemoryDisk, what: string): Promise<void> {
  await story.prepare?.(outside);
  const life = await Life.begin(outside, disk, story.dir());
  await story.goOn(life);
  expect(story.ended(life), `ends well after a crash ${what}\n${accountOf(life)}`).toBe(true);
  await keepsItsPromises(life, disk, outside).catch((cause: unknown) => {
    throw new Error(`${what}: ${String(cause)}\n${accountOf(life)}`);
  });
  await life.end();
}
