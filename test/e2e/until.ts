/** Waiting for what a real machine brings about in its own time: looks again and again, and says what it saw last when it gives up. */
import { messageOf } from '@lab/sdk';

const LOOK_MS = 40;

/** Resolves with the first answer that is neither undefined nor false; a look that throws is just not yet. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 20_000,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  let last = '';
  for (;;) {
    try {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen;
      last = '';
    } catch (cause) {
      last = `; last: ${messageOf(cause)}`;
    }
    if (performance.now() > end) throw new Error(`waited ${timeoutMs} ms for ${what}${last}`);
    await pause(LOOK_MS);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
