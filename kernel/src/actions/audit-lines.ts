/** The lines of the audit as they stand on disk: where each begins and ends, its hash, and what it says where it can be read. */
import { type AuditLine, auditLineSchema, sha256 } from '@lab/sdk';
import type { Disk } from '../disk/disk.ts';

/** No line of ours comes near it; a longer one is read on without being kept. */
const LINE_LIMIT = 64 * 1024;

export const GENESIS = '0'.repeat(64);

export interface RawLine {
  /** Byte at which it begins, and the one after its newline. */
  readonly start: number;
  readonly end: number;
  /** Cut at the limit. */
  readonly text: string;
  /** Of its bytes without the newline. */
  readonly hash: string;
  /** False for the last bytes of a file where no newline follows. */
  readonly whole: boolean;
}

export async function* linesOf(disk: Disk, path: string): AsyncGenerator<RawLine> {
  let pieces: Uint8Array[] = [];
  let held = 0;
  let start = 0;
  let at = 0;
  const line = (end: number, whole: boolean): RawLine => {
    const bytes = Buffer.concat(pieces);
    pieces = [];
    held = 0;
    const made = { start, end, text: bytes.toString('utf8'), hash: sha256(bytes), whole };
    start = end;
    return made;
  };
  const hold = (piece: Uint8Array): void => {
    const room = LINE_LIMIT + 1 - held;
    if (room <= 0 || piece.length === 0) return;
    pieces.push(piece.length > room ? piece.slice(0, room) : piece.slice());
    held += Math.min(piece.length, room);
  };
  for await (const chunk of disk.stream(path)) {
    let from = 0;
    for (let newline = chunk.indexOf(10, from); newline !== -1; newline = chunk.indexOf(10, from)) {
      hold(chunk.subarray(from, newline));
      from = newline + 1;
      yield line(at + from, true);
    }
    hold(chunk.subarray(from));
    at += chunk.length;
  }
  if (start < at) yield line(at, false);
}

export function parseAuditLine(raw: RawLine): AuditLine | undefined {
  if (!raw.whole || raw.text.length > LINE_LIMIT) return undefined;
  try {
    const parsed = auditLineSchema.safeParse(JSON.parse(raw.text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** The month files in order. */
export async function auditFiles(disk: Disk, dir: string): Promise<string[]> {
  return (await disk.list(dir)).filter((name) => /^\d{4}-\d{2}\.jsonl$/.test(name)).sort();
}
