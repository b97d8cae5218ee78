/**
 * inventory/policy.yaml → the policy in force for each node and service: for each key the last entry that matches wins; what no
 * entry says is `ask`. Resources that the same entries match share one policy.
 */

import { messageOf } from '@lab/sdk/errors';
import type { Settings, Trace } from '@lab/sdk/model/fleet';
import type { EffectivePolicy } from '@lab/sdk/model/policy';
import { Cron } from 'croner';
import type { LabelIndex } from '../targeting/index.ts';
import type { Query } from '../targeting/query.ts';
import type { Document, Path } from './document.ts';
import { parseDuration } from './duration.ts';
import type { FleetFiles } from './files.ts';
import { type Problems, quoted } from './problem.ts';
import type { PolicyFile } from './schema.ts';
import { readTarget } from './target.ts';
import type { Nodes } from './topology.ts';

type Written = NonNullable<PolicyFile['policies']>[number];

interface Entry {
  readonly document: Document;
  readonly path: Path;
  readonly written: Written;
  readonly query: Query;
}

export interface PolicyInForce {
  readonly policy: EffectivePolicy;
  readonly traces: readonly Trace[];
}

const KEYS = ['heal', 'change', 'remove', 'cleanup', 'windows', 'autonomy'] as const;

/** In the order of the index: the policy of each of its resources. */
export function compilePolicies(
  files: FleetFiles,
  nodes: Nodes,
  index: LabelIndex,
  settings: Settings,
  problems: Problems,
): (position: number) => PolicyInForce {
  const entries = readEntries(files, nodes, problems);
  const matched: number[][] = Array.from({ length: index.size }, () => []);
  for (const [number, entry] of entries.entries()) {
    const ids = index.select(entry.query).ids();
    for (let at = 0; at < ids.length; at++) matched[ids[at] ?? 0]?.push(number);
  }
  const made = new Map<string, PolicyInForce>();
  return (position) => {
    const numbers = matched[position] ?? [];
    const signature = numbers.join();
    let policy = made.get(signature);
    if (policy === undefined) {
      policy = inForce(
        numbers.flatMap((number) => entries[number] ?? []),
        settings,
      );
      made.set(signature, policy);
    }
    return policy;
  };
}

function readEntries(files: FleetFiles, nodes: Nodes, problems: Problems): readonly Entry[] {
  if (files.policy === undefined) return [];
  const { document, value } = files.policy;
  const entries: Entry[] = [];
  for (const [index, written] of (value.policies ?? []).entries()) {
    const path = ['policies', index];
    for (const [at, window] of (written.windows ?? []).entries())
      checkWindow(document, [...path, 'windows', at], window, problems);
    const query = readTarget(document, [...path, 'target'], written.target, nodes.groups, problems);
    if (query !== undefined) entries.push({ document, path, written, query });
  }
  return entries;
}

function checkWindow(
  document: Document,
  path: Path,
  window: { readonly cron: string; readonly for: string; readonly zone: string },
  problems: Problems,
): void {
  const zone = isZone(window.zone);
  if (!zone) {
    problems.error(
      document.place([...path, 'zone']),
      `unknown time zone ${quoted(window.zone)}`,
      'an IANA name such as Europe/Warsaw',
    );
  }
  try {
    new Cron(window.cron, { paused: true, mode: '5-part' }).stop();
  } catch (error) {
    const text = `cron ${quoted(window.cron)} is not valid: ${messageOf(error).replace(/^\w+: /, '')}`;
    problems.error(document.place([...path, 'cron']), text, 'minute hour day month weekday, such as "0 2 * * *"');
  }
  if (parseDuration(window.for) === undefined) {
    problems.error(
      document.place([...path, 'for']),
      `${quoted(window.for)} is not a duration`,
      'such as 90s, 30m, 3h, 2d',
    );
  }
}

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return zone !== '';
  } catch {
    return false;
  }
}

function inForce(entries: readonly Entry[], settings: Settings): PolicyInForce {
  const through: Record<string, string> = {};
  const traces = new Map<string, Trace>();
  const values: Partial<Record<string, unknown>> = {};
  const healPerHour = { ...settings.healPerHour };
  const say = (key: string, value: unknown, at: string, by: string): void => {
    const what = `policy.${key}`;
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    through[key] = at;
    traces.set(what, Object.freeze({ what, value: text, at, by }));
  };
  for (const key of [...KEYS, 'limits.service', 'limits.node']) through[key] = 'default';
  for (const { document, path, written } of entries) {
    for (const key of KEYS) {
      const value = written[key];
      if (value === undefined) continue;
      values[key] = value;
      say(key, value, document.at([...path, key]), written.target);
    }
    for (const scope of ['service', 'node'] as const) {
      const limit = written.limits?.[scope];
      if (limit === undefined) continue;
      healPerHour[scope] = limit;
      say(`limits.${scope}`, limit, document.at([...path, 'limits', scope]), written.target);
    }
  }
  const chosen = values as Partial<Written>;
  const policy: EffectivePolicy = Object.freeze({
    heal: chosen.heal ?? 'ask',
    change: chosen.change ?? 'ask',
    remove: chosen.remove ?? 'ask',
    cleanup: chosen.cleanup ?? 'ask',
    windows: Object.freeze((chosen.windows ?? []).map((window) => Object.freeze({ ...window }))),
    healPerHour: Object.freeze(healPerHour),
    autonomy: Object.freeze([...(chosen.autonomy ?? [])]),
    through: Object.freeze(through),
  });
  return Object.freeze({ policy, traces: Object.freeze([...traces.values()]) });
}
