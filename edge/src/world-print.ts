/** Prints of the node's own fold for people and tools: `world/{nodes,services,summary}.json`, where no hub on the machine prints. */
import { join } from 'node:path';
import type { Disk } from '@lab/kernel/disk/disk';
import { healthOf } from '@lab/kernel/observer/health';
import { type Clock, instant, type ServiceRow } from '@lab/sdk';
import type { LocalWorld } from './local-world.ts';

/** Also when nothing changed: a reader tells an old print from a quiet world by its age. */
const AGAIN_MS = 10_000;

/** Returns what prints, if anything changed since it last did. */
export function worldPrinter(
  disk: Disk,
  dir: string,
  node: string,
  world: LocalWorld,
  clock: Clock,
): () => Promise<void> {
  let printed = -1;
  let printedAt = Number.NEGATIVE_INFINITY;
  return async () => {
    const { ord } = world.view;
    if (ord === printed && clock.monotonic() - printedAt < AGAIN_MS) return;
    printed = ord;
    printedAt = clock.monotonic();
    const rows = [...world.view.rows<ServiceRow>('health', 'service').values()].filter(
      (row) => row.state !== 'removed',
    );
    const services = rows.map((row) => ({
      node: row.node,
      name: row.service,
      health: healthOf(row),
      state: row.state,
      digest: row.digest,
      ports: row.ports,
      source: node,
    }));
    const at = instant(clock.now());
    const healthy = services.filter(({ health }) => health === 'healthy').length;
    await disk.replace(join(dir, 'services.json'), pretty({ at, source: node, services }));
    await disk.replace(
      join(dir, 'nodes.json'),
      pretty({ at, source: node, nodes: [{ name: node, services: services.length }] }),
    );
    await disk.replace(join(dir, 'summary.json'), pretty({ at, source: node, services: services.length, healthy }));
  };
}

function pretty(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
