/** Reads the whole audit and says whether anything was changed, removed, swapped or cut off. Changes nothing. */
import { join } from 'node:path';
import type { Disk } from '../disk/disk.ts';
import { auditFiles, GENESIS, linesOf, parseAuditLine } from './audit-lines.ts';

export interface AuditVerdict {
  readonly ok: boolean;
  /** Lines that were read. */
  readonly lines: number;
  /** The first problem: where, and what. */
  readonly problem?: string;
}

interface Tip {
  readonly count: number;
  readonly hash: string;
}

/** `anchor` is what the disk says now, `upTo` the last line that is to be looked at. */
export async function verifyAudit(disk: Disk, dir: string, anchor: Tip | undefined, upTo: Tip): Promise<AuditVerdict> {
  let lines = 0;
  let tip: Tip = { count: 0, hash: GENESIS };
  for (const name of await auditFiles(disk, dir)) {
    let row = 0;
    for await (const raw of linesOf(disk, join(dir, name))) {
      if (tip.count >= upTo.count) break;
      row += 1;
      lines += 1;
      const at = `${name}:${row}`;
      const bad = (what: string): AuditVerdict => ({ ok: false, lines, problem: `${at} ${what}` });
      const line = parseAuditLine(raw);
      if (line === undefined) return bad('cannot be read');
      if (line.n > tip.count + 1) return bad(`is line ${line.n}: ${line.n - tip.count - 1} before it are gone`);
      if (line.n !== tip.count + 1) return bad(`is line ${line.n} where line ${tip.count + 1} belongs`);
      if (line.prev !== tip.hash) return bad('does not continue the line before it: one of the two was changed');
      if (line.what === 'audit_damaged') return bad(`tells of damage: ${line.note ?? 'unknown'}`);
      tip = { count: line.n, hash: raw.hash };
    }
  }
  if (tip.count < upTo.count) {
    return {
      ok: false,
      lines,
      problem: `the tail is cut: line ${upTo.count} was written, the last one is ${tip.count}`,
    };
  }
  if (tip.hash !== upTo.hash) return { ok: false, lines, problem: `line ${tip.count} was changed` };
  if (anchor === undefined) return { ok: false, lines, problem: 'the anchor is gone' };
  if (anchor.count < upTo.count)
    return {
      ok: false,
      lines,
      problem: 'the anchor is older than the last line: it could not be written, or an old one was put back',
    };
  return { ok: true, lines };
}
