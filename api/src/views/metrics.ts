/** The state in Prometheus' text exposition format, version 0.0.4. */
import { ACTION_STATES, HEALTH_ORDER, type StatusView } from '@lab/sdk';

export function metricsText(status: StatusView, head: number): string {
  const health = [...HEALTH_ORDER, 'unknown'].map(
    (state) =>
      `lab_services{health="${state}"} ${status.services.filter((service) => service.health === state).length}`,
  );
  const nodes = ['connected', 'silent', 'unseen', 'no_provider'].map(
    (state) => `lab_nodes{state="${state}"} ${status.nodes.filter((node) => node.state === state).length}`,
  );
  const actions = ACTION_STATES.map((state) => `lab_actions{state="${state}"} ${status.actions[state]}`);
  return [
    ...metric('lab_services', 'gauge', 'Services by health.', health),
    ...metric('lab_nodes', 'gauge', 'Nodes by state.', nodes),
    ...metric('lab_actions', 'gauge', 'Actions by state.', actions),
    ...metric('lab_journal_events_total', 'counter', 'Events in the journal.', [`lab_journal_events_total ${head}`]),
    ...metric('lab_settled', 'gauge', '1 where nothing is left to wait for.', [
      `lab_settled ${status.settled ? 1 : 0}`,
    ]),
    '',
  ].join('\n');
}

function metric(name: string, type: string, help: string, samples: readonly string[]): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples];
}
