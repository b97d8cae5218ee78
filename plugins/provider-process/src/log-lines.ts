/** Bytes of a log as lines of text: whatever they are, and from the end of a file without reading all of it. */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { systemCode } from '@lab/sdk';

const CHUNK_BYTES = 64 * 1024;
/** A longer line is given in pieces. */
const LINE_LENGTH = 16 * 1024;

/** Splits what arrives piece by piece; a line is given once its end has come. */
export class Lines {
  readonly #decoder = new StringDecoder('utf8');
  #open = '';

  take(bytes: Uint8Array): string[] {
    const parts = (this.#open + this.#decoder.write(Buffer.from(bytes))).split('\n');
    this.#open = parts.pop() ?? '';
    const lines = parts.flatMap(pieces);
    while (this.#open.length > LINE_LENGTH) {
      lines.push(clean(this.#open.slice(0, LINE_LENGTH)));
      this.#open = this.#open.slice(LINE_LENGTH);
    }
    return lines;
  }

  /** What has no end of line yet. */
  rest(): string[] {
    const open = this.#open + this.#decoder.end();
    this.#open = '';
    return open === '' ? [] : pieces(open);
  }
}

function pieces(line: string): string[] {
  if (line.length <= LINE_LENGTH) return [clean(line)];
  const all: string[] = [];
  for (let at = 0; at < line.length; at += LINE_LENGTH) all.push(clean(line.slice(at, at + LINE_LENGTH)));
  return all;
}

// Control characters would move a terminal's cursor; tab and escape (colours) stay.
function clean(line: string): string {
  return line.replace(/\r$/, '').replace(/\p{Cc}/gu, (one) => (one === '\t' || one === '\u001b' ? one : '\ufffd'));
}

/** Whether these bytes hold `count` whole lines. */
export function holds(bytes: Uint8Array, count: number): boolean {
  let ends = 0;
  for (const byte of bytes) if (byte === 10 && ++ends > count) return true;
  return false;
}

/** The end of a file: enough of it for `count` lines, at most `limit` bytes, up to byte `end`. Empty where there is no file. */
export async function readTail(path: string, count: number, limit: number, end?: number): Promise<Buffer> {
  const file = limit <= 0 ? undefined : await openIfThere(path);
  if (file === undefined) return Buffer.alloc(0);
  try {
    return await lastOf(file, count, limit, end);
  } finally {
    await file.close();
  }
}

async function lastOf(file: FileHandle, count: number, limit: number, end: number | undefined): Promise<Buffer> {
  const size = Math.min((await file.stat()).size, end ?? Number.MAX_SAFE_INTEGER);
  let text = Buffer.alloc(0);
  while (text.length < Math.min(size, limit) && !holds(text, count)) {
    const length = Math.min(CHUNK_BYTES, size - text.length, limit - text.length);
    const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, size - text.length - length);
    if (bytesRead < length) break;
    text = Buffer.concat([buffer, text]);
  }
  return text;
}

export async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined;
    throw cause;
  }
}

export async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}
