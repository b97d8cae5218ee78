/** Where the hub keeps its things, below the runtime root (durability.md says what each holds). */
import { join } from 'node:path';

export function hubPaths(root: string) {
  return {
    root,
    inbox: join(root, 'events/inbox'),
    actions: join(root, 'actions'),
    audit: join(root, 'audit'),
    auditAnchor: join(root, 'state/audit-anchor.json'),
    world: join(root, 'world'),
    snapshots: join(root, 'state/snapshots'),
    positions: join(root, 'state/observer'),
    generations: join(root, 'state/generations.json'),
    db: join(root, 'state/lab.db'),
    bundles: join(root, 'state/bundles'),
    token: join(root, 'state/secure/token'),
    hub: join(root, 'state/hub.json'),
    fleet: join(root, 'state/fleet.json'),
    quarantine: join(root, 'quarantine'),
  } as const;
}
