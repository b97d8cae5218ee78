/**
 * How full the disk below the runtime root is: said when it becomes high, and when it is normal again. Between the two thresholds
 * it stays what it was, so that a disk at the edge of one does not flap. What was said is in the node's own fold, and so a restart
 * does not say it again.
 */
import { statfs } from 'node:fs/promises';
import { type Clock, type Emit, type Log, messageOf, type PressureRow, type Settings, type Timer } from '@lab/sdk';

export interface DiskPressureArgs {
  readonly clock: Clock;
  readonly emit: Emit;
  readonly log: Log;
  /** In percent: high from the one on, normal below the other. */
  readonly thresholds: Settings['diskPressure'];
  readonly usedPercent: () => Promise<number>;
  /** What this node said last. */
  readonly said: () => PressureRow['level'] | undefined;
}

const LOOK_EVERY_MS = 60_000;

export class DiskPressure {
  readonly #args: DiskPressureArgs;
  #timer: Timer | undefined;
  #unreadable = false;

  constructor(args: DiskPressureArgs) {
    this.#args = args;
  }

  /** Resolves after the first look; never rejects. */
  async start(): Promise<void> {
    this.#timer = this.#args.clock.every(LOOK_EVERY_MS, () => void this.#look());
    await this.#look();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    const { emit, log, thresholds, usedPercent, said } = this.#args;
    try {
      const used = Math.min(100, Math.max(0, await usedPercent()));
      const before = said() ?? 'normal';
      const level = used >= thresholds.high ? 'high' : used < thresholds.normal ? 'normal' : before;
      this.#unreadable = false;
      if (level !== before) await emit({ type: 'disk_pressure', data: { level, usedPercent: used } });
    } catch (cause) {
      if (!this.#unreadable) log.warn('how full the disk is cannot be told', { reason: messageOf(cause) });
      this.#unreadable = true;
    }
  }
}

/** As `df` counts it: what only root may still fill is not free. */
export async function usedPercentOf(path: string): Promise<number> {
  const { blocks, bfree, bavail } = await statfs(path);
  const used = blocks - bfree;
  return used + bavail === 0 ? 0 : (100 * used) / (used + bavail);
}
