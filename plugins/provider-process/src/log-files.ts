/**
 * The log of a service: `<dir>/<service>.log`, written by the process itself, and a few older ones (`.1` is the youngest).
 *
 * INVARIANTS: whatever bytes a program writes, what is read here is lines of text of bounded length. What is being written is
 * never renamed (the process keeps its descriptor): it is copied and cut, at which a line may be lost. Not durable on purpose.
 */
import { openSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, delay, isName } from '@lab/sdk';
import { holds, Lines, openIfThere, readTail, sizeOf } from './log-lines.ts';

export interface LogLimits {
  /** A log that is larger when an instance starts is put aside. */
  readonly rotateBytes: number;
  /** A log that grows past it under a running process is cut. */
  readonly capBytes: number;
  readonly kept: number;
}

const CHUNK_BYTES = 64 * 1024;
const TAIL_BYTES = 8 * 1024 * 1024;
const FOLLOW_MS = 100;

export class LogFiles {
  readonly #logsDir: string;
  readonly #limits: LogLimits;
  readonly #clock: Clock;

  constructor(logsDir: string, limits: LogLimits, clock: Clock) {
    this.#logsDir = logsDir;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** A descriptor to give to a new instance; the caller closes it. */
  async openForInstance(service: string): Promise<number> {
    await mkdir(join(this.#logsDir, service), { recursive: true });
    if ((await sizeOf(this.#path(service))) > this.#limits.rotateBytes) {
      await this.#shift(service);
      await rename(this.#path(service), this.#path(service, 1));
    }
    return openSync(this.#path(service), 'a', 0o640);
  }

  /** Keeps a log within its cap while a process writes to it. */
  async cap(service: string): Promise<void> {
    const path = this.#path(service);
    const size = await sizeOf(path);
    if (size <= this.#limits.capBytes) return;
    await this.#shift(service);
    const file = await open(path, 'r');
    try {
      const keep = Buffer.alloc(Math.min(size, this.#limits.rotateBytes));
      const { bytesRead } = await file.read(keep, 0, keep.length, size - keep.length);
      await writeFile(this.#path(service, 1), keep.subarray(0, bytesRead));
      await truncate(path, 0);
    } finally {
      await file.close();
    }
  }

  /** The last lines, oldest first: of the present log, up to byte `end` of it where one is given, and of the older ones. */
  async tail(service: string, count: number, end?: number): Promise<string[]> {
    if (count === 0) return [];
    let text = await readTail(this.#path(service), count, TAIL_BYTES, end);
    for (let age = 1; age <= this.#limits.kept && !holds(text, count) && text.length < TAIL_BYTES; age++)
      text = Buffer.concat([await readTail(this.#path(service, age), count, TAIL_BYTES - text.length), text]);
    const lines = new Lines();
    return [...lines.take(text), ...lines.rest()].slice(-count);
  }

  /** The last lines and then what comes, across rotation and cutting, until the signal aborts. */
  async *follow(service: string, count: number, signal: AbortSignal): AsyncIterable<string> {
    let lines = new Lines();
    let file: FileHandle | undefined;
    let offset = 0;
    try {
      file = await openIfThere(this.#path(service));
      // What is read from here on is what lies behind the tail: no line twice, none lost.
      offset = file === undefined ? 0 : (await file.stat()).size;
      yield* await this.tail(service, count, offset);
      while (!signal.aborted) {
        file ??= await openIfThere(this.#path(service));
        if (file !== undefined) {
          const { size, ino } = await file.stat();
          if (size < offset) offset = 0;
          const { bytesRead, buffer } = await file.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, offset);
          offset += bytesRead;
          for (const line of lines.take(buffer.subarray(0, bytesRead))) {
            if (signal.aborted) return;
            yield line;
          }
          if (bytesRead > 0) continue;
          if ((await stat(this.#path(service)).catch(() => undefined))?.ino !== ino) {
            yield* lines.rest();
            lines = new Lines();
            await file.close();
            file = undefined;
            offset = 0;
            continue;
          }
        }
        await delay(this.#clock, FOLLOW_MS, signal).catch(() => undefined);
      }
    } finally {
      await file?.close();
    }
  }

  /** Removes the older logs of services that are not among `present`; resolves with the bytes that this freed. */
  async clean(present: ReadonlySet<string>): Promise<number> {
    let freed = 0;
    for (const service of await readdir(this.#logsDir).catch(() => [])) {
      if (!isName(service) || present.has(service)) continue;
      for (const name of await readdir(join(this.#logsDir, service)).catch(() => [])) {
        if (!name.startsWith(`${service}.log.`) || !/^\d+$/.test(name.slice(service.length + 5))) continue;
        const path = join(this.#logsDir, service, name);
        freed += await sizeOf(path);
        await rm(path, { force: true });
      }
    }
    return freed;
  }

  async #shift(service: string): Promise<void> {
    for (let age = this.#limits.kept; age >= 1; age--) {
      const from = this.#path(service, age);
      if (age === this.#limits.kept) await rm(from, { force: true });
      else await rename(from, this.#path(service, age + 1)).catch(() => undefined);
    }
  }

  #path(service: string, age = 0): string {
    return join(this.#logsDir, service, age === 0 ? `${service}.log` : `${service}.log.${age}`);
  }
}
