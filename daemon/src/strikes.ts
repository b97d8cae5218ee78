/**
 * Which plugins blocked the thread: `state/plugins.json`, `{<id>: {strikes, disabledAt?, reason}}`. Written by the parent,
 * read by a daemon as it starts. The second strike disables; a person who deletes the entry lets the plugin try again.
 */
import { join } from 'node:path';
import type { Disk } from '@lab/kernel/disk/disk';

export const STRIKES_TO_DISABLE = 2;

export interface Strike {
  readonly strikes: number;
  readonly disabledAt?: string;
  readonly reason: string;
}
export type Strikes = Readonly<Record<string, Strike>>;
export type StrikeDisk = Pick<Disk, 'read' | 'replace'>;

export function strikesPath(root: string): string {
  return join(root, 'state', 'plugins.json');
}

/** What cannot be read counts as nothing: a plugin too many tries again. */
export async function readStrikes(disk: StrikeDisk, root: string): Promise<Strikes> {
  try {
    const data = await disk.read(strikesPath(root), 1 << 20);
    const said: unknown = data === undefined ? {} : JSON.parse(new TextDecoder().decode(data));
    const entries = Object.entries(said ?? {}).filter((entry): entry is [string, Strike] => isStrike(entry[1]));
    return Object.fromEntries(entries);
  } catch {
    return {};
  }
}

function isStrike(value: unknown): value is Strike {
  if (typeof value !== 'object' || value === null) return false;
  const { strikes, reason, disabledAt }: Partial<Record<keyof Strike, unknown>> = value;
  return (
    Number.isInteger(strikes) &&
    typeof reason === 'string' &&
    (disabledAt === undefined || typeof disabledAt === 'string')
  );
}

/** For the plugin host: ids that are not to run, with the reason. */
export async function disabledPlugins(disk: StrikeDisk, root: string): Promise<Map<string, string>> {
  const strikes = await readStrikes(disk, root);
  return new Map(
    Object.entries(strikes)
      .filter(([, strike]) => strike.disabledAt !== undefined)
      .map(([id, strike]) => [id, `${strike.reason}; delete it from state/plugins.json to let it try again`]),
  );
}

/** One more for `id`. Rejects with `disk` where it cannot be written. */
export async function strike(disk: StrikeDisk, root: string, id: string, reason: string, at: string): Promise<Strike> {
  const all = await readStrikes(disk, root);
  const strikes = (all[id]?.strikes ?? 0) + 1;
  const one: Strike = { strikes, reason, ...(strikes >= STRIKES_TO_DISABLE ? { disabledAt: at } : {}) };
  await disk.replace(strikesPath(root), `${JSON.stringify({ ...all, [id]: one }, null, 2)}\n`);
  return one;
}
