/**
 * When a window of policy is open: from each instant of its cron (in its zone) for as long as it says, in elapsed time.
 *
 * INVARIANTS: pure in (windows, now). No windows: always open. A window that cannot be read is never open.
 *
 * Clocks that change: an instant that is skipped in spring opens when the clock has moved on; one that comes twice in autumn
 * opens once.
 */
import type { Window } from '@lab/sdk';
import { Cron } from 'croner';
import { parseDuration } from '../inventory/duration.ts';

export interface WindowState {
  readonly open: boolean;
  /** Where it is closed: the next opening, in milliseconds since the epoch. */
  readonly opensAt?: number;
  /** Where it is open: when the last of those that are open now closes. */
  readonly closesAt?: number;
}

const ALWAYS: WindowState = { open: true };

export function windowAt(windows: readonly Window[], nowMs: number): WindowState {
  if (windows.length === 0) return ALWAYS;
  let closesAt = Number.NEGATIVE_INFINITY;
  let opensAt = Number.POSITIVE_INFINITY;
  for (const window of windows) {
    const { opened, opens } = instants(window, nowMs);
    const forMs = parseDuration(window.for) ?? 0;
    if (opened !== undefined && opened + forMs > nowMs) closesAt = Math.max(closesAt, opened + forMs);
    if (opens !== undefined && forMs > 0) opensAt = Math.min(opensAt, opens);
  }
  if (closesAt > nowMs) return { open: true, closesAt };
  return Number.isFinite(opensAt) ? { open: false, opensAt } : { open: false };
}

/** The newest instant up to now, and the next one. */
function instants(window: Window, nowMs: number): { opened?: number; opens?: number } {
  try {
    const cron = new Cron(window.cron, { timezone: window.zone, mode: '5-part' });
    // The reference is not among the answers, so one millisecond later makes `now` itself one of them.
    const opened = cron.previousRuns(1, new Date(Math.floor(nowMs / 1_000) * 1_000 + 1_000))[0]?.getTime();
    const opens = cron.nextRun(new Date(nowMs))?.getTime();
    return { ...(opened === undefined ? {} : { opened }), ...(opens === undefined ? {} : { opens }) };
  } catch {
    return {};
  }
}
