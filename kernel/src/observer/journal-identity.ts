/** The hub's own log: its random id, made with the journal, and how often the daemon started on it. `events/journal.json`. */
import { join } from 'node:path';
import { z } from 'zod';
import type { Disk } from '../disk/disk.ts';
import { readJson } from '../disk/json.ts';
import type { Quarantine } from './quarantine.ts';

const schema = z.object({ log: z.string().regex(/^[0-9a-z]{4,64}$/), epoch: z.int().min(0) });

/** Where the file is lost the hub begins a new log, as a node would. */
export async function claimIdentity(
  disk: Disk,
  dir: string,
  randomId: () => string,
  quarantine: Quarantine,
): Promise<z.infer<typeof schema>> {
  const path = join(dir, 'journal.json');
  const stored = await readJson(disk, path, schema, async (bad, reason) => {
    await quarantine.take(bad, reason);
  });
  const identity = { log: stored?.log ?? randomId(), epoch: (stored?.epoch ?? 0) + 1 };
  await disk.replace(path, `${JSON.stringify(identity)}\n`);
  return identity;
}
