/** Prints of the fold for people and tools: `world/{nodes,services,summary}.json`, replaced whole, at most once a second. */
import { join } from 'node:path';
import type { ViewInput } from '@lab/api/views/input';
import { statusView } from '@lab/api/views/status';
import type { Disk } from '@lab/kernel/disk/disk';
import type { Clock } from '@lab/sdk';

/** Also when nothing changed: a reader tells an old print from a quiet world by its age. */
const AGAIN_MS = 10_000;

/** Returns what prints, if anything changed since it last did. */
export function worldPrinter(disk: Disk, dir: string, input: () => ViewInput, clock: Clock): () => Promise<void> {
  let printed = '';
  let printedAt = Number.NEGATIVE_INFINITY;
  return async () => {
    const now = input();
    const what = `${now.world.ord} ${now.fleet.revision}`;
    if (what === printed && clock.monotonic() - printedAt < AGAIN_MS) return;
    printed = what;
    printedAt = clock.monotonic();
    const { at, revision, worldHash, nodes, services, actions } = statusView(now);
    const print = (name: string, value: object): Promise<void> =>
      disk.replace(join(dir, `${name}.json`), `${JSON.stringify({ at, source: 'hub', ...value }, null, 2)}\n`);
    await print('nodes', { nodes });
    await print('services', { services });
    await print('summary', {
      revision,
      worldHash,
      actions,
      nodes: nodes.length,
      services: services.length,
      healthy: services.filter(({ health }) => health === 'healthy').length,
    });
  };
}
