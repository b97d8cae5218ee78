/** A file that only grows: what an append that failed left behind is cut off before anything else is written. */
import type { AppendFile } from './disk.ts';
import { attempt } from './disk-errors.ts';
import type { OpenFile } from './system-calls.ts';

export class SequencedFile implements AppendFile {
  readonly #path: string;
  readonly #file: OpenFile;
  #size: number;
  /** An append failed, and cutting it off failed too: tried again before the next. */
  #ragged = false;

  constructor(path: string, file: OpenFile, size: number) {
    this.#path = path;
    this.#file = file;
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  append(data: string | Uint8Array): Promise<void> {
    return attempt('append to', this.#path, async () => {
      const bytes = bytesOf(data);
      if (this.#ragged) await this.#cut();
      try {
        await writeAll(this.#file, bytes);
      } catch (cause) {
        this.#ragged = true;
        await this.#cut().catch(() => undefined);
        throw cause;
      }
      this.#size += bytes.length;
    });
  }

  sync(): Promise<void> {
    return attempt('sync', this.#path, () => this.#file.sync());
  }

  close(): Promise<void> {
    return attempt('close', this.#path, () => this.#file.close());
  }

  async #cut(): Promise<void> {
    await this.#file.truncate(this.#size);
    this.#ragged = false;
  }
}

export async function writeAll(file: OpenFile, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) done += await file.write(done === 0 ? bytes : bytes.subarray(done));
}

export function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data) : data;
}
