/** Times and ages in the sentences of a why. People's zones are not known here: clock times are UTC and say so. */

/** `14:02 UTC`; with the date where it is not that of `now`. */
export function timeText(at: string | undefined, now?: number): string {
  const ms = Date.parse(at ?? '');
  if (Number.isNaN(ms)) return 'an unknown time';
  const text = new Date(ms).toISOString();
  const day = now !== undefined && Math.abs(now - ms) < 86_400_000 ? '' : `${text.slice(0, 10)} `;
  return `${day}${text.slice(11, 16)} UTC`;
}

/** `41 min`, `14 s`, `3 h`, `2 d`. */
export function ageText(at: string | undefined, now: number): string {
  const ms = now - Date.parse(at ?? '');
  return Number.isNaN(ms) ? 'an unknown time' : spanText(Math.max(0, ms));
}

export function spanText(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} d`;
}

/** `3 times`, `once`. */
export function timesText(count: number): string {
  return count === 1 ? 'once' : count === 2 ? 'twice' : `${count} times`;
}
