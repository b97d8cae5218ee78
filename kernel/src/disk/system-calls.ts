/**
 * The few calls to the operating system that the disk is made of. `SequencedDisk` puts them in the order that survives a power
 * cut; the real ones and the fake that models a power cut sit below it, so that a test crashes between the very same steps.
 *
 * A call fails with a system error that carries `code` (ENOENT, EEXIST, ENOSPC …). None of them retries or orders anything.
 */
import type { FileStat } from './disk.ts';

export interface OpenFile {
  /** Writes at the end; resolves with how many bytes were taken, at least one. */
  write(data: Uint8Array): Promise<number>;
  /** fdatasync. */
  sync(): Promise<void>;
  truncate(size: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

export interface ReadFile {
  /** At most `length` bytes from `offset`; empty at the end. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

export interface SystemCalls {
  /** Opens for appending; makes the file where there is none. */
  openAppend(path: string, mode: number): Promise<OpenFile>;
  /** Makes the file, or empties the one that is there. */
  openFresh(path: string, mode: number): Promise<OpenFile>;
  openRead(path: string): Promise<ReadFile>;
  stat(path: string): Promise<FileStat>;
  list(dir: string): Promise<string[]>;
  mkdir(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** A second name for a file; EEXIST where `to` is there. */
  link(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  rmdir(path: string): Promise<void>;
  /** Makes the entries of a folder durable. */
  syncDir(path: string): Promise<void>;
}
