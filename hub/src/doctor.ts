/** What the hub can say of its own condition, and every number in force. */
import type { Audit } from '@lab/kernel/actions/audit';
import type { Journal } from '@lab/kernel/observer/journal';
import type { DoctorView, Fleet } from '@lab/sdk';

export interface DoctorArgs {
  readonly fleet: Fleet;
  readonly journal: Journal;
  readonly audit: Audit;
  readonly root: string;
}

export async function doctor({ fleet, journal, audit, root }: DoctorArgs): Promise<DoctorView> {
  const verdict = await audit.verify();
  const missing = [...fleet.nodes.values()].filter((node) => node.provider !== 'edge');
  return {
    checks: [
      { what: 'journal', state: 'ok', text: `${journal.head} events in ${root}/events` },
      verdict.ok
        ? { what: 'audit', state: 'ok', text: `${verdict.lines} lines, unbroken` }
        : {
            what: 'audit',
            state: 'bad',
            text: verdict.problem ?? 'broken',
            hint: 'is the disk full, or was a file changed outside lab? see lab audit verify',
          },
      {
        what: 'fleet',
        state: fleet.warnings.length === 0 ? 'ok' : 'warn',
        text: `revision ${fleet.revision}, ${fleet.nodes.size} nodes, ${fleet.services.size} services, ${fleet.warnings.length} warnings`,
        ...(fleet.warnings.length === 0 ? {} : { hint: 'see them: lab validate' }),
      },
      ...missing.map(({ name, provider }) => ({
        what: name,
        state: 'warn' as const,
        text: `its provider ${provider} is not installed`,
        hint: 'it is shown, and nothing is planned for it',
      })),
    ],
    settings: (fleet.settingsTable ?? []).map(({ name, value, from }) => ({ name, value, from })),
  };
}
