/**
 * The one port through which everything durable is written. Paths are absolute.
 *
 * INVARIANTS: what a method that promises durability resolved is there after a power cut; what it did not is there whole or not
 * at all. Every failure is a `LabError` of code `disk`, with the path in `at` and the system error as cause; reading what is
 * not there is `undefined` or an empty list, never an error.
 */

export interface FileStat {
  readonly size: number;
  readonly mtimeMs: number;
  readonly inode: number;
  readonly directory: boolean;
  /** A symbolic link, pipe, socket or device: never to be read by what takes files from others. */
  readonly special?: boolean;
}

/** A file that only grows. One writer. */
export interface AppendFile {
  /** Bytes that are in it, those of failed appends excluded. */
  readonly size: number;
  /** Not durable until `sync`. After an error the file is cut back to `size`. */
  append(data: string | Uint8Array): Promise<void>;
  /** fdatasync: everything appended before the call is durable when it resolves. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface WriteOptions {
  /** Permission bits; 0o644 unless told. */
  readonly mode?: number;
}

export interface Disk {
  /** Opens for appending, and makes file and folders where there are none (the new directory entry is synced). */
  append(path: string, options?: WriteOptions): Promise<AppendFile>;
  /** Whole content. `limit` bytes at most (`too_large` past it). */
  read(path: string, limit?: number): Promise<Uint8Array | undefined>;
  /** Content from byte `from`, in pieces; empty where there is no file. */
  stream(path: string, from?: number): AsyncIterable<Uint8Array>;
  stat(path: string): Promise<FileStat | undefined>;
  /** Names in a folder, sorted; empty where there is none. */
  list(dir: string): Promise<readonly string[]>;
  makeDir(path: string): Promise<void>;
  /** Write aside, fdatasync, rename, sync the folder. */
  replace(path: string, data: string | Uint8Array, options?: WriteOptions): Promise<void>;
  /** Like `replace`, but `conflict` where the path exists already (link, not rename). */
  create(path: string, data: string | Uint8Array, options?: WriteOptions): Promise<void>;
  /** Rename; both folders synced. `conflict` where `to` exists. */
  move(from: string, to: string): Promise<void>;
  /** Removes a file, or a folder with all in it; the parent folder is synced. Nothing there is fine. */
  remove(path: string): Promise<void>;
  /** Cuts a file to `size` bytes, synced. */
  truncate(path: string, size: number): Promise<void>;
}
