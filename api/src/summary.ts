/** The fleet in a handful of numbers, for tools that do not want all of `/v1/status`. */
import type { StatusView, SummaryView } from '@lab/sdk';

export function summaryOf(status: StatusView, version: string): SummaryView {
  const monitored = status.services.filter((service) => service.monitor && service.desired && !service.observed);
  const nodesIn = (state: string): number => status.nodes.filter((node) => node.state === state).length;
  const { pending = 0, approved = 0, running = 0, failed = 0 } = status.actions;
  return {
    at: status.at,
    version,
    revision: status.revision,
    worldHash: status.worldHash,
    settled: status.settled,
    needsYou: pending,
    nodes: { total: status.nodes.length, connected: nodesIn('connected'), silent: nodesIn('silent') },
    services: { total: monitored.length, healthy: monitored.filter((service) => service.health === 'healthy').length },
    actions: { pending, approved, running, failed },
    problems: status.problems.length,
  };
}
