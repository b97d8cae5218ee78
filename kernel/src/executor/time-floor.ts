/**
 * The latest time that this node has known, on disk: a machine without a clock battery boots in 1970, and must not believe that
 * an old grant is young or that a window is open.
 */
import { type Clock, instant } from '@lab/sdk';
import { z } from 'zod';
import type { Disk } from '../disk/disk.ts';
import { readJson } from '../disk/json.ts';

const floorSchema = z.strictObject({ at: z.iso.datetime() });

/** It is written when it has moved so far, and with every use of a grant. */
const STEP_MS = 60_000;

export class TimeFloor {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #clock: Clock;
  #floorMs = 0;
  #writtenMs = 0;

  constructor(disk: Disk, path: string, clock: Clock) {
    this.#disk = disk;
    this.#path = path;
    this.#clock = clock;
  }

  async load(onBad: (path: string, reason: string) => Promise<void>): Promise<void> {
    const stored = await readJson(this.#disk, this.#path, floorSchema, onBad);
    if (stored !== undefined) this.#floorMs = this.#writtenMs = Date.parse(stored.at);
  }

  /** Never earlier than any time before it. */
  now(): number {
    this.#floorMs = Math.max(this.#floorMs, this.#clock.now());
    return this.#floorMs;
  }

  /** False while the clock is behind what it has said before: no window is open then. */
  trusted(): boolean {
    return this.#clock.now() >= this.#floorMs - 1_000;
  }

  /** Somebody who knows told the time: a floor that a wrong clock drove into the future comes down again. */
  async told(ms: number): Promise<void> {
    this.#floorMs = ms;
    await this.save(true);
  }

  async save(always = false): Promise<void> {
    const at = always ? this.#floorMs : this.now();
    if (!always && at - this.#writtenMs < STEP_MS) return;
    await this.#disk.replace(this.#path, `${JSON.stringify({ at: instant(at) })}\n`);
    this.#writtenMs = at;
  }
}
