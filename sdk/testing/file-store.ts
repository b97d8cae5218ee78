/** A store over real files, for tests: whole or not at all, not synced. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode } from '../src/errors.ts';
import type { Store } from '../src/tokens.ts';

export class FileStore implements Store {
  /** Set to make every write reject with it. */
  refuse: Error | undefined;

  async read(path: string): Promise<Uint8Array | undefined> {
    return absent(readFile(path), undefined);
  }

  async replace(path: string, data: string): Promise<void> {
    if (this.refuse !== undefined) throw this.refuse;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}~`, data);
    await rename(`${path}~`, path);
  }

  async remove(path: string): Promise<void> {
    await rm(path, { force: true, recursive: true });
  }

  async list(dir: string): Promise<readonly string[]> {
    return (await absent(readdir(dir), [])).filter((name) => !name.endsWith('~')).sort();
  }
}

async function absent<T, U>(read: Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await read;
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return otherwise;
    throw cause;
  }
}
