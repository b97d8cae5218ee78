/** Times for people: ages, clock times, and the durations and instants that they type. JSON never sees these. */
import { LabError } from '@lab/sdk/errors';

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `1 s`, `12 min`, `3 h`, `2 d`. A time to come counts as now. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}

/** How long ago an instant was; `–` for none. */
export function age(at: string | null | undefined, nowMs: number): string {
  return at === null || at === undefined ? '–' : duration(nowMs - Date.parse(at));
}

/** `22:00` today, `Sun 02:00` within six days, else with the date. Local time. */
export function clockTime(at: string, nowMs: number): string {
  const then = new Date(at);
  const hours = `${two(then.getHours())}:${two(then.getMinutes())}`;
  const days = (midnight(then) - midnight(new Date(nowMs))) / UNITS.d;
  if (Math.abs(days) < 0.5) return hours;
  if (days > 0 && days < 6.5) return `${['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'][then.getDay()]} ${hours}`;
  return `${then.getFullYear()}-${two(then.getMonth() + 1)}-${two(then.getDate())} ${hours}`;
}

/** `14:02:11` today, else with the date. Local time. */
export function timeOfDay(at: string, nowMs: number): string {
  const then = new Date(at);
  const time = `${two(then.getHours())}:${two(then.getMinutes())}:${two(then.getSeconds())}`;
  if (midnight(then) === midnight(new Date(nowMs))) return time;
  return `${then.getFullYear()}-${two(then.getMonth() + 1)}-${two(then.getDate())} ${time}`;
}

/** ` (UTC+1)` beside a local time, where that is not UTC: what the hub says, and the logs, are in UTC. */
export function zone(nowMs: number): string {
  const minutes = -new Date(nowMs).getTimezoneOffset();
  if (minutes === 0) return '';
  const hours = Math.floor(Math.abs(minutes) / 60);
  const rest = Math.abs(minutes) % 60;
  return ` (UTC${minutes < 0 ? '-' : '+'}${hours}${rest === 0 ? '' : `:${two(rest)}`})`;
}

function midnight(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}

/** `90s`, `30m`, `3h`, `2d`, also together (`1h30m`), in milliseconds. */
export function parseDuration(text: string, what: string): number {
  const parts = [...text.matchAll(/(\d+)([smhd])/g)];
  const read = parts.map(([whole]) => whole).join('');
  const total = parts.reduce(
    (sum, [, count = '', unit = 's']) => sum + Number(count) * UNITS[unit as keyof typeof UNITS],
    0,
  );
  if (read !== text || total <= 0 || !Number.isSafeInteger(total)) {
    throw new LabError('usage', `${what} ${JSON.stringify(text)} is no duration`, {
      hint: 'write it as 90s, 30m, 3h, 2d or 1h30m',
    });
  }
  return total;
}

/** An instant, or how long ago: `2026-11-21T14:00:00Z`, `10m`, `10m ago`. */
export function parseInstant(text: string, nowMs: number, what: string): string {
  const back = /^(\d+[smhd](?:\d+[smhd])*)(?: ago)?$/.exec(text);
  if (back?.[1] !== undefined) return new Date(nowMs - parseDuration(back[1], what)).toISOString();
  if (text === 'now') return new Date(nowMs).toISOString();
  const ms = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) {
    throw new LabError('usage', `${what} ${JSON.stringify(text)} is no time`, {
      hint: 'write an instant (2026-11-21T14:00:00Z) or how long ago (10m)',
    });
  }
  return new Date(ms).toISOString();
}
