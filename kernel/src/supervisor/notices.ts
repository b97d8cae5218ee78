/** What is shown beside a plan though nothing can be done about it now: services that people hold, nodes that left the inventory. */
import { serviceKey } from '@lab/sdk';
import type { Waiting } from './plan.ts';
import type { PlanScope } from './scope.ts';
import { timeText } from './time-text.ts';

/** One entry for each desired service of the node that a person holds. */
export function waitingForHolds(node: string, scope: PlanScope, waiting: Waiting[]): void {
  const { fleet, now } = scope.args;
  for (const key of fleet.servicesOf.get(node) ?? []) {
    const hold = scope.holds.get(key);
    const service = fleet.services.get(key)?.name;
    if (hold === undefined || service === undefined) continue;
    const text = `stopped by ${hold.by} at ${timeText(hold.at, now)}: ${hold.why}`;
    const why = { rule: 'held', text, evidence: [hold.event], waitsFor: 'start' };
    waiting.push({ node, service, id: null, why });
  }
}

/** A node that is not in the inventory, of which nothing more is known than that something of ours runs there. */
export function nodeWaiting(node: string, scope: PlanScope): Waiting | undefined {
  const services = (scope.strays.get(node) ?? [])
    .map((key) => key.slice(node.length + 1))
    .filter((service) => {
      const row = scope.services.get(serviceKey(node, service));
      return row?.managed === true && row.state !== 'removed';
    });
  if (services.length === 0) return undefined;
  const text = `left the inventory, and ${services.join(', ')} may still run there`;
  return { node, service: null, id: null, why: { rule: 'node_left', text, evidence: [], waitsFor: 'inventory' } };
}
