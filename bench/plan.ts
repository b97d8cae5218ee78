/**
 * A full plan of 10,000 nodes with 100,000 services, 1 % of them drifted, beside a bare loop that looks up the same rows of the
 * same pairs and compares the same members. Each plan is made from nothing: no index outlives it.
 */
import { nodeResource } from '@lab/kernel/supervisor/node-resource';
import { type PlanArgs, plan, planNode } from '@lab/kernel/supervisor/plan';
import { scopeOf } from '@lab/kernel/supervisor/scope';
import { serviceResource } from '@lab/kernel/supervisor/service-resource';
import type { ApprovedRow, LinkView, ObservationRow, ServiceRow } from '@lab/sdk';
import {
  digest,
  fleetOf,
  observedRow,
  runningRow,
  SETTINGS,
  StatedWorld,
  upLink,
} from '../test/planner/fleet-builder.ts';
import { type BenchResult, interleave, timed } from './result.ts';

const NODES = 10_000;
const SERVICES = 10;
const DRIFT_EVERY = 100;
const ROUNDS = 11;
const AT = '2026-07-01T12:00:00.000Z';
const NOW = Date.parse(AT);

function situation(driftEvery: number): PlanArgs {
  const names = Array.from({ length: SERVICES }, (_, at) => `s${at}`);
  const services = Object.fromEntries(names.map((name, at) => [name, { wave: at % 3 }]));
  const fleet = fleetOf({
    nodes: Object.fromEntries(Array.from({ length: NODES }, (_, at) => [`n${at}`, { services }])),
  });
  const world = new StatedWorld();
  const links = new Map<string, LinkView>();
  let made = 0;
  for (const node of fleet.nodes.keys()) {
    links.set(node, upLink(NOW));
    world.set('health', 'observation', node, observedRow(node, AT));
    for (const key of fleet.servicesOf.get(node) ?? []) {
      const service = key.slice(node.length + 1);
      const kind = ++made % driftEvery === 0 ? (made / driftEvery) % 3 : -1;
      const running = runningRow(node, service, digest('v1'), AT);
      if (kind !== 0)
        world.set<ServiceRow>('health', 'service', key, kind === 1 ? { ...running, state: 'exited' } : running);
      const approved = { digest: digest(kind === 2 ? 'v0' : 'v1'), ulid: 'u', at: AT };
      world.set<ApprovedRow>('control', 'approved', key, approved);
    }
  }
  const resources = [serviceResource(SETTINGS.timeoutMs), nodeResource(SETTINGS.timeoutMs)];
  return { fleet, world, links, now: NOW, resources };
}

/** The least that any planner does for these pairs: the same rows looked up, the same members compared. */
function bareLoop({ fleet, world, links }: PlanArgs): number {
  const observations = world.rows<ObservationRow>('health', 'observation');
  const rows = world.rows<ServiceRow>('health', 'service');
  const approved = world.rows<ApprovedRow>('control', 'approved');
  let drifted = 0;
  for (const node of fleet.nodes.keys()) {
    if (observations.get(node)?.epoch !== links.get(node)?.epoch) continue;
    for (const key of fleet.servicesOf.get(node) ?? []) {
      const service = fleet.services.get(key);
      const row = rows.get(key);
      const known = approved.get(key)?.digest;
      if (row?.state !== 'running' || row.digest !== service?.digest || known !== service?.digest) drifted += 1;
    }
  }
  return drifted;
}

export async function planning(): Promise<BenchResult[]> {
  const results: BenchResult[] = [];
  const cases = [
    ['1 % drifted', DRIFT_EVERY],
    ['all in sync', Number.POSITIVE_INFINITY],
  ] as const;
  for (const [name, driftEvery] of cases) {
    const args = situation(driftEvery);
    const expected = driftEvery === DRIFT_EVERY ? (NODES * SERVICES) / DRIFT_EVERY : 0;
    if (plan(args).changes.length !== expected || bareLoop(args) !== expected)
      throw new Error(`${name}: not the drift that was made`);
    const { ours, baseline } = await interleave(
      ROUNDS,
      () => timed(() => plan(args)),
      () => timed(() => bareLoop(args)),
    );
    const note = 'ratio: how many times a bare loop of look-ups and comparisons';
    results.push({
      name: `full plan, ${NODES} nodes, ${NODES * SERVICES} services, ${name}`,
      unit: 'ms',
      ours,
      baseline,
      ratio: ours / baseline,
      note,
    });
    if (expected > 0) results.push(await oneNode(args));
  }
  return results;
}

/** What an incremental planner pays for one changed node, beside planning all. */
async function oneNode(args: PlanArgs): Promise<BenchResult> {
  const scope = scopeOf(args);
  const { ours, baseline } = await interleave(
    ROUNDS,
    () => timed(() => planNode('n9', args, scope)),
    () => timed(() => plan(args)),
  );
  return {
    name: 'one drifted node alone, its scope at hand',
    unit: 'ms',
    ours,
    baseline,
    ratio: baseline / ours,
    note: 'beside the full plan',
  };
}
