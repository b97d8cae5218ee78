/** `lab doctor`: what this machine and the hub find when they look at themselves. Works without a hub as far as it can. */
import { existsSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { holder } from '@lab/daemon/lock';
import { asLabError } from '@lab/sdk/errors';
import type { DoctorView, Pillar } from '@lab/sdk/views/views';
import { type Context, print } from '../context.ts';
import { shaped } from '../faces/words.ts';
import { table } from '../terminal/table.ts';

type Check = DoctorView['checks'][number];
const STATES: Record<Check['state'], Pillar['state']> = { ok: 'ok', warn: 'wait', bad: 'bad' };

export async function run(context: Context): Promise<number> {
  const { repo, hubRoot: root } = context.settings;
  const local = [nodeCheck(process.versions.node), fleetCheck(repo), ...rootChecks(root), ...(await holderCheck(root))];
  const { checks, settings } = await hubPart(context);
  const report: DoctorView = { checks: [...local, ...checks], settings };
  await print(context, report, () => draw(report, context));
  return report.checks.some((check) => check.state === 'bad') ? 1 : 0;
}

async function hubPart({ hub }: Context): Promise<DoctorView> {
  try {
    return await hub.get<DoctorView>('/v1/doctor');
  } catch (cause) {
    const { code, message, hint } = asLabError(cause);
    const state = code === 'hub_unreachable' ? 'warn' : 'bad';
    return { checks: [{ what: 'hub', state, text: message, ...(hint === undefined ? {} : { hint }) }], settings: [] };
  }
}

export function nodeCheck(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const enough = major > 22 || (major === 22 && minor >= 18);
  return enough
    ? { what: 'node', state: 'ok', text: version }
    : {
        what: 'node',
        state: 'bad',
        text: `${version} is too old`,
        hint: 'run ./lab, which brings its own, or install Node 22.18 or newer',
      };
}

export function fleetCheck(repo: string): Check {
  return existsSync(join(repo, 'inventory/topology.yaml'))
    ? { what: 'directory', state: 'ok', text: repo }
    : {
        what: 'directory',
        state: 'warn',
        text: `${repo} has no inventory/topology.yaml`,
        hint: 'LAB_REPO=DIR names another, lab new DIR makes one',
      };
}

export function rootChecks(root: string): Check[] {
  const found = stat(root);
  if (found === undefined) return [{ what: 'root', state: 'ok', text: `${root} is made by the first start` }];
  if (!found.isDirectory())
    return [{ what: 'root', state: 'bad', text: `${root} is no directory`, hint: 'LAB_ROOT=DIR names another' }];
  const checks: Check[] = [{ what: 'root', state: 'ok', text: root }];
  // Of the folder others may see the names; what is in it is for its owner alone.
  for (const [name, state] of [
    ['state/secure', 'warn'],
    ['state/secure/token', 'bad'],
  ] as const) {
    const mode = stat(join(root, name))?.mode;
    if (mode === undefined || (mode & 0o077) === 0) continue;
    checks.push({
      what: name,
      state,
      text: `others may read it (${(mode & 0o777).toString(8)})`,
      hint: `chmod go= ${join(root, name)}`,
    });
  }
  return checks;
}

async function holderCheck(root: string): Promise<Check[]> {
  const pid = await holder(root);
  return pid === undefined ? [] : [{ what: 'daemon', state: 'ok', text: `pid ${pid} holds the root` }];
}

function stat(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

function draw({ checks, settings }: DoctorView, { drawing }: Context): string {
  const rows = checks.map(({ what, state, text, hint = '' }) => [shaped(STATES[state], what), text, hint]);
  const found = table(
    [{ head: 'CHECK' }, { head: 'FOUND', shrinksTo: 20 }, { head: 'WHAT TO DO', below: true }],
    rows,
    drawing,
  );
  if (settings.length === 0) return found;
  const values = settings.map(({ name, value, from }) => [name, value, from]);
  return `${found}\n${table([{ head: 'SETTING' }, { head: 'VALUE', shrinksTo: 12 }, { head: 'FROM' }], values, drawing)}`;
}
