/**
 * A turn of the loop and a person may want to move one action at the same instant, and one of them is first. Where that was the
 * person, the turn goes on with everything else: the next one plans from what it finds.
 */
import { LabError } from '@lab/sdk';

/** Undefined where somebody else moved the action meanwhile. */
export async function unlessOvertaken<T>(move: () => Promise<T>): Promise<T | undefined> {
  try {
    return await move();
  } catch (cause) {
    if (cause instanceof LabError && (cause.code === 'conflict' || cause.code === 'stale')) return undefined;
    throw cause;
  }
}
