/** Durations and sizes as people write them: `10s`, `3m`, `24h`, `90d`; `256MB`. */

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const UNIT_BYTES: Readonly<Record<string, number>> = { KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 };

/** Milliseconds; undefined where it is not a positive number and a unit. */
export function parseDuration(text: unknown): number | undefined {
  return parsed(text, /^([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h|d)$/, UNIT_MS);
}

export function parseBytes(text: unknown): number | undefined {
  return parsed(text, /^([0-9]{1,9}(?:\.[0-9]{1,3})?)(KB|MB|GB|TB)$/, UNIT_BYTES);
}

/** In the largest unit that divides it: 90000 is `90s`. */
export function formatDuration(ms: number): string {
  return written(ms, UNIT_MS, 'ms');
}

export function formatBytes(bytes: number): string {
  return written(bytes, UNIT_BYTES, 'B');
}

function parsed(text: unknown, form: RegExp, units: Readonly<Record<string, number>>): number | undefined {
  const match = typeof text === 'string' ? form.exec(text) : null;
  const value = Math.round(Number(match?.[1]) * (units[match?.[2] ?? ''] ?? Number.NaN));
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

function written(value: number, units: Readonly<Record<string, number>>, least: string): string {
  for (const [unit, size] of Object.entries(units).reverse()) if (value % size === 0) return `${value / size}${unit}`;
  return `${value}${least}`;
}
