/**
 * Whose runtime root this is: the directory of the fleet that began it. Another fleet on the same root would take everything that runs
 * for left over, and would offer to remove it.
 *
 * A directory that is not there any more has moved, and the new one takes its place.
 */
import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Disk } from '@lab/kernel/disk/disk';
import { readJson } from '@lab/kernel/disk/json';
import { LabError } from '@lab/sdk';
import { z } from 'zod';

const ownerSchema = z.strictObject({ fleet: z.string() });

/** Throws `conflict` where the root is another fleet's. `path` is `state/fleet.json`. */
export async function ownRoot(
  disk: Disk,
  { path, root, repo }: { readonly path: string; readonly root: string; readonly repo: string },
  onBad: (path: string, reason: string) => Promise<void>,
): Promise<void> {
  const fleet = resolve(repo);
  const owner = await readJson(disk, path, ownerSchema, onBad);
  if (owner?.fleet === fleet) return;
  if (owner !== undefined && (await isFleet(owner.fleet))) {
    throw new LabError('conflict', `${root} belongs to the fleet in ${owner.fleet}, not to ${fleet}`, {
      at: path,
      hint: 'give this fleet a root of its own (LAB_ROOT=DIR); if it is the same fleet in a new place, remove that file',
    });
  }
  await disk.replace(path, `${JSON.stringify({ fleet })}\n`);
}

function isFleet(dir: string): Promise<boolean> {
  return access(join(dir, 'inventory')).then(
    () => true,
    () => false,
  );
}
