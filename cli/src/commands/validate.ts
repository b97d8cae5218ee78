/** `lab validate`: every file of the fleet, all problems at once, without a hub. Where one runs, it says what stays in force. */
import type { ProblemView, SummaryView } from '@lab/sdk';
import { type Context, print } from '../context.ts';
import { count, revisionText } from '../faces/words.ts';

export async function run(context: Context): Promise<number> {
  const { formatProblems, loadFleet, position } = await import('@lab/kernel/inventory/load');
  const { repo } = context.settings;
  const { fleet, problems } = await loadFleet(repo, { aliasMap: context.io.env.NODE_ALIAS_MAP });
  const errors = problems.filter((problem) => problem.severity === 'error').length;
  const views: ProblemView[] = problems.map((problem) => ({
    at: position(problem),
    message: problem.message,
    severity: problem.severity,
    ...(problem.excerpt === undefined ? {} : { excerpt: problem.excerpt }),
  }));
  const inForce = errors === 0 ? undefined : await revisionInForce(context);
  await print(context, { revision: fleet?.revision ?? null, problems: views }, () => {
    const list = problems.length === 0 ? '' : `${formatProblems(problems)}\n`;
    return `${list}${verdict(errors, problems.length - errors, fleet, inForce)}\n`;
  });
  return errors > 0 ? 1 : 0;
}

function verdict(
  errors: number,
  warnings: number,
  fleet:
    | {
        readonly revision: string;
        readonly nodes: { readonly size: number };
        readonly services: { readonly size: number };
      }
    | undefined,
  inForce: string | undefined,
): string {
  const found = [
    ...(errors > 0 ? [count(errors, 'problem')] : []),
    ...(warnings > 0 ? [count(warnings, 'warning')] : []),
  ].join(', ');
  if (errors > 0)
    return inForce === undefined
      ? found
      : `${found}; the running fleet stays at the last good revision ${revisionText(inForce)}`;
  const good =
    fleet === undefined
      ? 'valid'
      : `valid: ${count(fleet.nodes.size, 'node')}, ${count(fleet.services.size, 'service')}, revision ${revisionText(fleet.revision)}`;
  return found === '' ? good : `${good}; ${found}`;
}

/** Undefined where no hub is there to ask: that is no reason to fail. */
async function revisionInForce({ hub }: Context): Promise<string | undefined> {
  try {
    return (await hub.get<SummaryView>('/summary')).revision;
  } catch {
    return undefined;
  }
}
