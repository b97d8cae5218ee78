/**
 * The audit: who did what, append-only, in `audit/YYYY-MM.jsonl`.
 *
 * INVARIANTS: each line carries the SHA-256 of the line before it, across files; a line is durable when its `append` resolves, and
 * then the anchor (count and hash of the last line, in `state/`) follows, so that a cut tail is found. A month file is never
 * older than the last one, whatever the clock says. Damage is never smoothed over: the chain goes on from the anchor and says so.
 */
import { join } from 'node:path';
import { type AuditLine, type Clock, instant, type Log, messageOf, sha256 } from '@lab/sdk';
import { z } from 'zod';
import type { AppendFile, Disk } from '../disk/disk.ts';
import { GroupCommit } from '../observer/group-commit.ts';
import { auditFiles, GENESIS, linesOf, parseAuditLine } from './audit-lines.ts';
import { type AuditVerdict, verifyAudit } from './audit-verify.ts';

export interface AuditEntry {
  readonly who: string;
  readonly via: string;
  readonly what: string;
  readonly on: string;
  readonly ulid?: string;
  readonly planHash?: string;
  readonly note?: string;
}

export interface AuditPorts {
  readonly disk: Disk;
  /** `<root>/audit`. */
  readonly dir: string;
  /** `<root>/state/audit-anchor.json`. */
  readonly anchor: string;
  readonly clock: Clock;
  readonly log: Log;
}

export const anchorSchema = z.strictObject({ count: z.int().min(0), hash: z.string().regex(/^[0-9a-f]{64}$/) });
export type Anchor = z.infer<typeof anchorSchema>;

export class Audit {
  readonly #ports: AuditPorts;
  #tip: Anchor;
  #month: string;
  #file: AppendFile | undefined;
  readonly #commits: GroupCommit<AuditEntry, AuditLine>;

  private constructor(ports: AuditPorts, tip: Anchor, month: string) {
    this.#ports = ports;
    this.#tip = tip;
    this.#month = month;
    this.#commits = new GroupCommit({
      commit: (entries) => this.#commit(entries),
      sizeOf: (entry) => 256 + (entry.note?.length ?? 0),
    });
  }

  static async open(ports: AuditPorts): Promise<Audit> {
    const { disk, dir, log } = ports;
    const files = await auditFiles(disk, dir);
    const anchor = await readAnchor(disk, ports.anchor);
    const found = await tailAfter(ports, files, anchor);
    const audit = new Audit(ports, found.tip, files.at(-1)?.slice(0, 7) ?? '');
    if (anchor === undefined || anchor.hash !== found.tip.hash) {
      // Lines that an earlier life wrote may not be synced: the anchor must not outlive them.
      if (files.length > 0) await (await audit.#openMonth('')).sync();
      await audit.#writeAnchor();
    }
    if (found.repaired > 0) {
      log.warn(`audit: ${found.repaired} lines written by the last start had no anchor yet; they count`, {
        count: found.tip.count,
      });
    }
    for (const damage of found.damage) {
      log.error(`audit: ${damage}`);
      await audit.append({ who: 'lab', via: 'start', what: 'audit_damaged', on: 'audit', note: damage });
    }
    return audit;
  }

  /** Resolves with the line once it is durable. Many that wait share one sync. */
  append(entry: AuditEntry): Promise<AuditLine> {
    return this.#commits.add(entry);
  }

  /** Every line, oldest first, streamed; what cannot be read is passed over (`verify` finds it). */
  async *lines(): AsyncGenerator<AuditLine> {
    const { disk, dir } = this.#ports;
    for (const name of await auditFiles(disk, dir)) {
      for await (const raw of linesOf(disk, join(dir, name))) {
        const line = parseAuditLine(raw);
        if (line !== undefined) yield line;
      }
    }
  }

  /** The newest `limit` lines, oldest of them first. */
  async tail(limit: number): Promise<AuditLine[]> {
    const { disk, dir } = this.#ports;
    let newest: AuditLine[] = [];
    for (const name of (await auditFiles(disk, dir)).reverse()) {
      const month: AuditLine[] = [];
      for await (const raw of linesOf(disk, join(dir, name))) {
        const line = parseAuditLine(raw);
        if (line === undefined) continue;
        month.push(line);
        if (month.length > 2 * limit) month.splice(0, month.length - limit);
      }
      newest = [...month, ...newest].slice(-limit);
      if (newest.length >= limit) break;
    }
    return limit > 0 ? newest : [];
  }

  async verify(): Promise<AuditVerdict> {
    // Lines that are appended while it reads are not its business: up to here.
    const { tip, anchor } = await this.#commits.exclusive(async () => ({
      tip: this.#tip,
      anchor: await readAnchor(this.#ports.disk, this.#ports.anchor),
    }));
    return verifyAudit(this.#ports.disk, this.#ports.dir, anchor, tip);
  }

  async close(): Promise<void> {
    await this.#commits.idle();
    await this.#file?.close();
    this.#file = undefined;
  }

  async #commit(entries: readonly AuditEntry[]): Promise<{ value: AuditLine }[]> {
    const at = instant(this.#ports.clock.now());
    const file = await this.#openMonth(at.slice(0, 7));
    let { count, hash } = this.#tip;
    let text = '';
    const lines = entries.map((entry) => {
      const line: AuditLine = { n: count + 1, at, ...entry, prev: hash };
      const written = JSON.stringify(line);
      text += `${written}\n`;
      count += 1;
      hash = sha256(written);
      return { value: line };
    });
    const before = file.size;
    try {
      await file.append(text);
      await file.sync();
    } catch (cause) {
      await this.#cutBack(before);
      throw cause;
    }
    this.#tip = { count, hash };
    try {
      await this.#writeAnchor();
    } catch (cause) {
      // The lines are durable, and the next start takes lines past the anchor in.
      this.#ports.log.warn('audit: the anchor could not be written', { reason: messageOf(cause) });
    }
    return lines;
  }

  async #openMonth(month: string): Promise<AppendFile> {
    if (this.#file !== undefined && month <= this.#month) return this.#file;
    await this.#file?.close();
    this.#file = undefined;
    if (month > this.#month) this.#month = month;
    this.#file = await this.#ports.disk.append(join(this.#ports.dir, `${this.#month}.jsonl`));
    return this.#file;
  }

  /** What a failed commit left in the file must not stand before the next line. */
  async #cutBack(size: number): Promise<void> {
    const path = join(this.#ports.dir, `${this.#month}.jsonl`);
    try {
      await this.#file?.close();
      this.#file = undefined;
      await this.#ports.disk.truncate(path, size);
    } catch (cause) {
      this.#ports.log.error('audit: a failed line could not be cut back', { reason: messageOf(cause) });
    }
  }

  async #writeAnchor(): Promise<void> {
    await this.#ports.disk.replace(this.#ports.anchor, `${JSON.stringify(this.#tip)}\n`);
  }
}

async function readAnchor(disk: Disk, path: string): Promise<Anchor | undefined> {
  const bytes = await disk.read(path, 4_096).catch(() => undefined);
  if (bytes === undefined) return undefined;
  try {
    return anchorSchema.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data;
  } catch {
    return undefined;
  }
}

interface Tail {
  readonly tip: Anchor;
  readonly repaired: number;
  readonly damage: readonly string[];
}

/** Finds the anchored line, takes in the whole lines that follow it in order, and cuts off what a crash left torn behind them. */
async function tailAfter(ports: AuditPorts, files: readonly string[], anchor: Anchor | undefined): Promise<Tail> {
  let tip = anchor ?? { count: 0, hash: GENESIS };
  let met = tip.count === 0;
  let repaired = 0;
  const damage: string[] = [];
  // The anchor is one commit old at most, and so its line is in one of the last two files; without one, all are read.
  const recent = anchor === undefined || anchor.count === 0 ? files : files.slice(-2);
  for (const name of recent) {
    const path = join(ports.dir, name);
    let good = 0;
    for await (const raw of linesOf(ports.disk, path)) {
      if (!met) {
        met = raw.whole && raw.hash === tip.hash;
        if (raw.whole) good = raw.end;
        continue;
      }
      const line = parseAuditLine(raw);
      if (line === undefined || line.prev !== tip.hash || line.n !== tip.count + 1) {
        if (raw.whole)
          damage.push(`${name} holds lines behind the last one that do not continue it; cut off at byte ${good}`);
        break;
      }
      tip = { count: line.n, hash: raw.hash };
      repaired += 1;
      good = raw.end;
    }
    const size = (await ports.disk.stat(path))?.size ?? 0;
    if (good < size) await ports.disk.truncate(path, good);
  }
  if (!met) damage.push(`the anchor names line ${tip.count} (${tip.hash.slice(0, 7)}), which is not there any more`);
  if (anchor === undefined && repaired > 0) {
    damage.push(`there was no anchor for ${repaired} lines`);
    repaired = 0;
  }
  return { tip, repaired, damage };
}
