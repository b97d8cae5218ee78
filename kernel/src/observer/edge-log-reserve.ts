/**
 * Room that is kept for what must be said on a full disk: a file of its size, given up when it is needed and made again once there is
 * room. Best effort: a disk that is too full to hold it is what it is for.
 */
import { type Clock, LabError, systemCode } from '@lab/sdk';
import type { Disk } from '../disk/disk.ts';

const TRY_AGAIN_MS = 60_000;

export class Reserve {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #bytes: number;
  readonly #clock: Clock;
  #held = false;
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(disk: Disk, path: string, bytes: number, clock: Clock) {
    this.#disk = disk;
    this.#path = path;
    this.#bytes = bytes;
    this.#clock = clock;
  }

  /** Makes it where it is not there; on a disk that refused lately not at once again. */
  async fill(): Promise<void> {
    if (this.#held || this.#clock.monotonic() < this.#notBeforeMs) return;
    try {
      if ((await this.#disk.stat(this.#path))?.size !== this.#bytes) {
        await this.#disk.replace(this.#path, Buffer.alloc(this.#bytes, 'room for control '));
      }
      this.#held = true;
    } catch (cause) {
      if (!(cause instanceof LabError)) throw cause;
      this.#notBeforeMs = this.#clock.monotonic() + TRY_AGAIN_MS;
    }
  }

  /** Does `write`; on a full disk once more, with this room given up. */
  async spend<T>(write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (cause) {
      if (!this.#held || !isFull(cause)) throw cause;
      this.#held = false;
      await this.#disk.remove(this.#path);
      return await write();
    }
  }
}

function isFull(cause: unknown): boolean {
  const code = systemCode(cause instanceof Error ? cause.cause : undefined);
  return code === 'ENOSPC' || code === 'EDQUOT';
}
