/** The system calls of the machine, through node:fs. */
import { constants } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, readdir, rename, rmdir, stat, unlink } from 'node:fs/promises';
import { systemCode } from '@lab/sdk';
import type { FileStat } from './disk.ts';
import type { OpenFile, ReadFile, SystemCalls } from './system-calls.ts';

const { O_APPEND, O_CREAT, O_TRUNC, O_WRONLY, O_NOFOLLOW } = constants;

class NodeFile implements OpenFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(data: Uint8Array): Promise<number> {
    const { bytesWritten } = await this.#handle.write(data, 0, data.length, null);
    return bytesWritten;
  }

  sync(): Promise<void> {
    return this.#handle.datasync();
  }

  truncate(size: number): Promise<void> {
    return this.#handle.truncate(size);
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

class NodeReadFile implements ReadFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const buffer = Buffer.allocUnsafeSlow(length);
    const { bytesRead } = await this.#handle.read(buffer, 0, length, offset);
    return buffer.subarray(0, bytesRead);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

export class NodeCalls implements SystemCalls {
  async openAppend(path: string, mode: number): Promise<OpenFile> {
    return new NodeFile(await open(path, O_WRONLY | O_CREAT | O_APPEND, mode));
  }

  /** Never through a symbolic link: the name may have been planted. */
  async openFresh(path: string, mode: number): Promise<OpenFile> {
    return new NodeFile(await open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode));
  }

  async openRead(path: string): Promise<ReadFile> {
    return new NodeReadFile(await open(path, 'r'));
  }

  async stat(path: string): Promise<FileStat> {
    const own = await lstat(path);
    const linked = own.isSymbolicLink();
    const found = linked ? await stat(path) : own;
    const directory = found.isDirectory();
    const special = linked || !(directory || found.isFile());
    const { size, mtimeMs, ino } = found;
    return { size, mtimeMs, inode: ino, directory, ...(special ? { special } : {}) };
  }

  list(dir: string): Promise<string[]> {
    return readdir(dir);
  }

  async mkdir(path: string): Promise<void> {
    await mkdir(path);
  }

  rename(from: string, to: string): Promise<void> {
    return rename(from, to);
  }

  link(from: string, to: string): Promise<void> {
    return link(from, to);
  }

  unlink(path: string): Promise<void> {
    return unlink(path);
  }

  rmdir(path: string): Promise<void> {
    return rmdir(path);
  }

  async syncDir(path: string): Promise<void> {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } catch (cause) {
      // Some file systems (overlays, network mounts) have no sync of a folder: nothing more can be done there.
      if (systemCode(cause) !== 'EINVAL') throw cause;
    } finally {
      await handle.close();
    }
  }
}
