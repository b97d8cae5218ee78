/** Reading small JSON files that a person or a crash may have spoilt: never throws for what is in them. */
import { messageOf } from '@lab/sdk';
import type { z } from 'zod';
import type { Disk } from './disk.ts';

const LIMIT_BYTES = 64 * 1024 * 1024;

/** Undefined where there is no such file, or where it does not hold what it should: then `onBad` is told first. */
export async function readJson<S extends z.ZodType>(
  disk: Disk,
  path: string,
  schema: S,
  onBad: (path: string, reason: string) => Promise<void>,
): Promise<z.output<S> | undefined> {
  let reason: string;
  try {
    const bytes = await disk.read(path, LIMIT_BYTES);
    if (bytes === undefined) return undefined;
    const parsed = schema.safeParse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    reason = `${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is not of the expected form'}`.trim();
  } catch (cause) {
    reason = messageOf(cause);
  }
  await onBad(path, reason);
  return undefined;
}
