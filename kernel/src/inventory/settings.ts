/**
 * Every number that has a default: one table, which reads lab.yaml, fills in what is not there, and is what `lab doctor` shows.
 */
import type { Fleet, LinkKind, SettingLine, Settings } from '@lab/sdk/model/fleet';
import type { Document, Path } from './document.ts';
import { formatBytes, formatDuration, parseBytes, parseDuration } from './duration.ts';
import type { Problems } from './problem.ts';

const KINDS = {
  duration: { read: parseDuration, show: formatDuration, form: 'a duration such as 10s, 3m, 24h, 90d' },
  bytes: { read: parseBytes, show: formatBytes, form: 'a size such as 256MB' },
  percent: { read: whole(1, 100), show: (value: number) => `${value} %`, form: 'a whole number from 1 to 100' },
  count: { read: whole(1, 1_000_000), show: String, form: 'a whole number, at least 1' },
  limit: { read: whole(0, 1_000_000), show: String, form: 'a whole number, 0 or more' },
} as const;

interface Row {
  readonly kind: keyof typeof KINDS;
  readonly default: string | number;
}

const TABLE = {
  'thresholds.heartbeat.lan': { kind: 'duration', default: '10s' },
  'thresholds.heartbeat.vps': { kind: 'duration', default: '10s' },
  'thresholds.heartbeat.lte': { kind: 'duration', default: '60s' },
  'thresholds.silence': { kind: 'count', default: 3 },
  'thresholds.aloneAfter.lan': { kind: 'duration', default: '60s' },
  'thresholds.aloneAfter.vps': { kind: 'duration', default: '60s' },
  'thresholds.aloneAfter.lte': { kind: 'duration', default: '3m' },
  'thresholds.verify': { kind: 'duration', default: '120s' },
  'thresholds.timeout.restart': { kind: 'duration', default: '60s' },
  'thresholds.timeout.redeploy': { kind: 'duration', default: '10m' },
  'thresholds.timeout.cleanup': { kind: 'duration', default: '10m' },
  'thresholds.approvalExpires': { kind: 'duration', default: '24h' },
  'thresholds.rejection': { kind: 'duration', default: '24h' },
  'thresholds.backoff.first': { kind: 'duration', default: '1m' },
  'thresholds.backoff.max': { kind: 'duration', default: '6h' },
  'thresholds.flapping.proposals': { kind: 'count', default: 3 },
  'thresholds.flapping.within': { kind: 'duration', default: '30m' },
  'thresholds.healPerHour.service': { kind: 'limit', default: 3 },
  'thresholds.healPerHour.node': { kind: 'limit', default: 10 },
  'thresholds.disk.high': { kind: 'percent', default: 90 },
  'thresholds.disk.normal': { kind: 'percent', default: 85 },
  'thresholds.parallel': { kind: 'count', default: 8 },
  'thresholds.bulkHold': { kind: 'duration', default: '5s' },
  'retention.hub': { kind: 'duration', default: '90d' },
  'retention.edge': { kind: 'bytes', default: '256MB' },
} as const satisfies Record<string, Row>;

export type SettingName = keyof typeof TABLE;
const NAMES = Object.keys(TABLE) as SettingName[];
const DAY_MS = 86_400_000;

/** Heartbeats a second that one hub is asked to take. */
const HEARTBEATS_PER_SECOND = 200;
/** An edge is alone after three heartbeats at the earliest. */
const ALONE_HEARTBEATS = 3;

interface Read {
  readonly settings: Settings;
  readonly lines: readonly SettingLine[];
}

/** Reads `retention` and `thresholds`. What is wrong is a problem, and its default stands in. */
export function readSettings(document: Document | undefined, problems: Problems): Read {
  const written = new Map<SettingName, number>();
  if (document !== undefined) {
    for (const section of ['thresholds', 'retention']) readLevel(document, [section], written, problems);
  }
  const value = (name: SettingName): number =>
    written.get(name) ?? KINDS[TABLE[name].kind].read(TABLE[name].default) ?? 0;
  if (document !== undefined) checkPairs(document, value, problems);
  const lines = NAMES.map((name) => ({
    name,
    value: KINDS[TABLE[name].kind].show(value(name)),
    from: written.has(name) && document !== undefined ? document.at(name.split('.')) : 'default',
  }));
  return Object.freeze({ settings: settingsFrom(value), lines: Object.freeze(lines) });
}

/** For `lab doctor`: each number, its value in force, and where that came from. */
export function settingsTable(fleet: Pick<Fleet, 'settingsTable'>): readonly SettingLine[] {
  return fleet.settingsTable ?? [];
}

/** The period of a node's heartbeat: longer in a large fleet. */
export function heartbeatMs(settings: Settings, link: LinkKind, nodes: number): number {
  return Math.max(settings.heartbeatMs[link], Math.ceil((nodes / HEARTBEATS_PER_SECOND) * 1_000));
}

function readLevel(document: Document, path: Path, written: Map<SettingName, number>, problems: Problems): void {
  const name = path.join('.');
  const value = at(document.value, path);
  if (value === undefined || value === null) return;
  const row = Object.hasOwn(TABLE, name) ? TABLE[name as SettingName] : undefined;
  if (row !== undefined) {
    const number = KINDS[row.kind].read(value);
    if (number === undefined) {
      problems.error(document.place(path), `${name} must be ${KINDS[row.kind].form}`, `the default is ${row.default}`);
    } else written.set(name as SettingName, number);
    return;
  }
  if (typeof value !== 'object' || Array.isArray(value)) {
    problems.error(document.place(path), `${name} must be a map`, `with ${below(name).join(', ')}`);
    return;
  }
  const known = below(name);
  for (const key of Object.keys(value)) {
    if (known.includes(key)) readLevel(document, [...path, key], written, problems);
    else problems.unknown(document.place([...path, key], 'key'), 'key', key, known);
  }
}

function below(name: string): string[] {
  const parts = NAMES.filter((full) => full.startsWith(`${name}.`)).map(
    (full) => full.slice(name.length + 1).split('.')[0],
  );
  return [...new Set(parts)].filter((part) => part !== undefined);
}

function checkPairs(document: Document, value: (name: SettingName) => number, problems: Problems): void {
  const pairs: readonly (readonly [SettingName, SettingName, string])[] = [
    ['thresholds.disk.normal', 'thresholds.disk.high', 'must be below'],
    ['thresholds.backoff.first', 'thresholds.backoff.max', 'must not be above'],
  ];
  for (const [low, high, rule] of pairs) {
    const broken = rule === 'must be below' ? value(low) >= value(high) : value(low) > value(high);
    if (broken) problems.error(document.place(low.split('.')), `${low} ${rule} ${high}`);
  }
}

function settingsFrom(value: (name: SettingName) => number): Settings {
  const byLink = (of: (link: LinkKind) => number): Record<LinkKind, number> =>
    Object.freeze({ lan: of('lan'), lte: of('lte'), vps: of('vps') });
  const heartbeat = byLink((link) => value(`thresholds.heartbeat.${link}`));
  return Object.freeze({
    heartbeatMs: heartbeat,
    silenceHeartbeats: value('thresholds.silence'),
    aloneAfterMs: byLink((link) =>
      Math.max(value(`thresholds.aloneAfter.${link}`), ALONE_HEARTBEATS * heartbeat[link]),
    ),
    verifyMs: value('thresholds.verify'),
    timeoutMs: Object.freeze({
      restart: value('thresholds.timeout.restart'),
      redeploy: value('thresholds.timeout.redeploy'),
      cleanup: value('thresholds.timeout.cleanup'),
    }),
    approvalExpiresMs: value('thresholds.approvalExpires'),
    rejectionMs: value('thresholds.rejection'),
    backoff: Object.freeze({ firstMs: value('thresholds.backoff.first'), maxMs: value('thresholds.backoff.max') }),
    flapping: Object.freeze({
      proposals: value('thresholds.flapping.proposals'),
      withinMs: value('thresholds.flapping.within'),
    }),
    healPerHour: Object.freeze({
      service: value('thresholds.healPerHour.service'),
      node: value('thresholds.healPerHour.node'),
    }),
    diskPressure: Object.freeze({ high: value('thresholds.disk.high'), normal: value('thresholds.disk.normal') }),
    retention: Object.freeze({ hubDays: value('retention.hub') / DAY_MS, edgeBytes: value('retention.edge') }),
    parallel: value('thresholds.parallel'),
    bulkHoldMs: value('thresholds.bulkHold'),
  });
}

function whole(least: number, most: number): (value: unknown) => number | undefined {
  return (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most ? value : undefined;
}

function at(value: unknown, path: Path): unknown {
  let here = value;
  for (const part of path) {
    if (here === null || typeof here !== 'object' || !Object.hasOwn(here, part)) return undefined;
    here = (here as Record<string | number, unknown>)[part];
  }
  return here;
}
