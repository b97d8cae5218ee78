/** `lab audit`: who did what; `lab audit verify`: whether that record is whole. */
import type { AuditVerdict } from '@lab/sdk/views/answers';
import type { AuditLine } from '@lab/sdk/views/views';
import type { Args } from '../args.ts';
import { type Context, print } from '../context.ts';
import { count, short } from '../faces/words.ts';
import { table } from '../terminal/table.ts';
import { timeOfDay, zone } from '../terminal/when.ts';

export async function run(context: Context, args: Args): Promise<number> {
  return args.positionals[0] === 'verify' ? await verify(context) : await list(context, args.count('limit', 50));
}

async function verify(context: Context): Promise<number> {
  const verdict = await context.hub.get<AuditVerdict>('/v1/audit/verify');
  await print(context, verdict, () =>
    verdict.ok
      ? `the audit is whole: ${count(verdict.lines, 'line')}\n`
      : `the audit is broken: ${verdict.problem ?? 'no reason given'}\n`,
  );
  return verdict.ok ? 0 : 1;
}

async function list(context: Context, limit: number): Promise<number> {
  const lines = await context.hub.get<AuditLine[]>('/v1/audit', { limit });
  await print(context, lines, () =>
    lines.length === 0
      ? 'the audit is empty\n'
      : table(
          [
            { head: 'N' },
            { head: `TIME${zone(context.nowMs)}` },
            { head: 'WHO' },
            { head: 'WHAT' },
            { head: 'ON', shrinksTo: 16 },
            { head: 'CHANGE' },
            { head: 'NOTE', shrinksTo: 12 },
          ],
          lines.map(({ n, at, who, via, what, on, planHash, note = '' }) => [
            String(n),
            timeOfDay(at, context.nowMs),
            who === via ? who : `${who} (${via})`,
            what,
            on,
            short(planHash),
            note,
          ]),
          context.drawing,
        ),
  );
  return 0;
}
