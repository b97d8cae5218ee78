/**
 * `events/inbox/`: other tools rename finished files of facts into it, one JSON object a line:
 * `{node, type, at?, source?, service?, data, class?}` (`class` only for a type that is not known here; `bulk` unless told).
 *
 * What a file says of a node is a log of its own: its id comes from the content and the node (two nodes in one file must not give two
 * events one id), and its lines count up for each class in the order in which they stand, so that the journal's positions alone make a
 * second delivery harmless. The same content again is therefore the same file.
 *
 * INVARIANTS: a file is removed only once the journal has it on disk; a bad line is set aside and the rest goes on; a file that is no
 * text of facts, and what is no plain file, goes to quarantine whole; nothing outside the folder is read.
 */
import { isUtf8 } from 'node:buffer';
import { join } from 'node:path';
import { type EventClass, eventClassSchema, eventSchema, instant, type Log, messageOf, sha256 } from '@lab/sdk';
import { z } from 'zod';
import type { Disk, FileStat } from '../disk/disk.ts';
import { type CheckedFact, checkFact, placed } from './fact-check.ts';
import type { Journal } from './journal.ts';
import type { Quarantine } from './quarantine.ts';
import type { EventRegistry } from './registry.ts';

export interface InboxOptions {
  readonly disk: Disk;
  /** The runtime root. */
  readonly root: string;
  readonly journal: Pick<Journal, 'accept' | 'own'>;
  readonly registry: EventRegistry;
  readonly quarantine: Quarantine;
  readonly log: Log;
}

export interface Delivered {
  readonly files: number;
  readonly events: number;
  readonly quarantined: number;
}

interface Stream {
  readonly node: string;
  readonly log: string;
  readonly class: EventClass;
  readonly lines: string[];
}

export const MAX_INBOX_FILE_BYTES = 16 * 1024 * 1024;
const BATCH_LINES = 500;

const factSchema = z.strictObject({
  node: eventSchema.shape.node,
  type: eventSchema.shape.type,
  at: eventSchema.shape.at.optional(),
  source: eventSchema.shape.source,
  service: eventSchema.shape.service,
  class: eventClassSchema.optional(),
  data: eventSchema.shape.data,
});

export class Inbox {
  readonly #options: InboxOptions;
  readonly #dir: string;
  #scanning: Promise<Delivered> | undefined;

  constructor(options: InboxOptions) {
    this.#options = options;
    this.#dir = join(options.root, 'events/inbox');
  }

  /** Takes what is there. A call during another one gets that one's answer. */
  scan(): Promise<Delivered> {
    this.#scanning ??= this.#scan().finally(() => {
      this.#scanning = undefined;
    });
    return this.#scanning;
  }

  async #scan(): Promise<Delivered> {
    const { disk, log } = this.#options;
    let [files, events, quarantined] = [0, 0, 0];
    // So that others find where to put things.
    await disk.makeDir(this.#dir);
    for (const name of await disk.list(this.#dir)) {
      // A dot in front: somebody is still writing it.
      if (name.startsWith('.')) continue;
      try {
        const done = await this.#file(name);
        files++;
        events += done.events;
        quarantined += done.quarantined;
      } catch (cause) {
        log.error('a file of the inbox could not be taken; it stays', { name, reason: messageOf(cause) });
      }
    }
    return { files, events, quarantined };
  }

  async #file(name: string): Promise<{ readonly events: number; readonly quarantined: number }> {
    const { disk, quarantine } = this.#options;
    const path = join(this.#dir, name);
    const stat = await disk.stat(path);
    if (stat === undefined) return { events: 0, quarantined: 0 };
    const content = whyNoFile(stat) ?? (await disk.read(path, MAX_INBOX_FILE_BYTES)) ?? new Uint8Array();
    const reason = typeof content === 'string' ? content : whyNoText(content);
    if (typeof content === 'string' || reason !== undefined) {
      await quarantine.take(path, reason ?? '');
      await this.#say(name, reason ?? '');
      return { events: 0, quarantined: 1 };
    }
    const { streams, bad } = this.#read(content, instant(Math.max(0, Math.floor(stat.mtimeMs))));
    let [events, refused] = [0, bad.length];
    for (const { node, log, class: cls, lines } of streams) {
      for (let from = 0; from < lines.length; from += BATCH_LINES) {
        const batch = { class: cls, from: from + 1, lines: lines.slice(from, from + BATCH_LINES) };
        const { quarantined } = await this.#options.journal.accept({ node, log }, batch);
        events += batch.lines.length - quarantined;
        refused += quarantined;
      }
    }
    if (bad.length > 0) {
      const reasons = bad.map(({ at, reason }) => `line ${at}: ${reason}`);
      await quarantine.put(name, bad.map(({ line }) => line).join('\n'), reasons.join('\n'));
      await this.#say(name, bad.length === 1 ? `${reasons[0]}` : `${bad.length} lines; the first: ${reasons[0]}`);
    }
    await disk.remove(path);
    return { events, quarantined: refused };
  }

  #read(content: Uint8Array, at: string) {
    const hash = sha256(content);
    const streams = new Map<string, Stream>();
    const bad: { readonly at: number; readonly line: string; readonly reason: string }[] = [];
    for (const [index, line] of Buffer.from(content).toString().split('\n').entries()) {
      if (line.trim() === '') continue;
      try {
        const fact = factSchema.parse(JSON.parse(line));
        const checked = this.#check(fact);
        const key = `${fact.node}\n${checked.class}`;
        const { node } = fact;
        const stream = streams.get(key) ?? { node, log: logOf(node, hash), class: checked.class, lines: [] };
        streams.set(key, stream);
        const place = { node, log: stream.log, epoch: 0, seq: stream.lines.length + 1, at: fact.at ?? at };
        stream.lines.push(placed(checked, place).line);
      } catch (cause) {
        bad.push({ at: index + 1, line, reason: firstIssue(cause) });
      }
    }
    return { streams: [...streams.values()], bad };
  }

  #check(fact: z.infer<typeof factSchema>): CheckedFact {
    const { type, source, service, data } = fact;
    if (this.#options.registry.get(type) !== undefined) {
      const said = { ...(source === undefined ? {} : { source }), ...(service === undefined ? {} : { service }) };
      return checkFact(this.#options.registry, { type, data, ...said }, 'node');
    }
    return { type, class: fact.class ?? 'bulk', severity: 'info', source, service, data: JSON.stringify(data) };
  }

  async #say(name: string, reason: string): Promise<void> {
    if (this.#options.registry.get('file_quarantined') === undefined) return;
    const data = { name: `events/inbox/${name}`.slice(0, 200), reason: reason.slice(0, 500) };
    await this.#options.journal.own([{ type: 'file_quarantined', data }]);
  }
}

/** 24 characters of 0-9a-z for what a file, known by its SHA-256, says of a node. */
export function logOf(node: string, contentHash: string): string {
  return BigInt(`0x${sha256(`${node}\n${contentHash}`)}`)
    .toString(36)
    .padStart(50, '0')
    .slice(0, 24);
}

function whyNoFile(stat: FileStat): string | undefined {
  if (stat.directory) return 'it is a folder';
  if (stat.special) return 'it is no plain file';
  return stat.size > MAX_INBOX_FILE_BYTES
    ? `it has ${stat.size} bytes, at most ${MAX_INBOX_FILE_BYTES} are read`
    : undefined;
}

function whyNoText(content: Uint8Array): string | undefined {
  return content.includes(0) || !isUtf8(content) ? 'it is no text' : undefined;
}

function firstIssue(cause: unknown): string {
  if (!(cause instanceof z.ZodError)) return messageOf(cause);
  const issue = cause.issues[0];
  return `${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is not valid'}`.trim();
}
