/**
 * Which log this is: its random id and the epoch, in `log.json`; and how a new log takes the place of an old one.
 *
 * INVARIANTS: the id is that of the lines that are there, so losing `log.json` does not begin a second log over the first; the epoch
 * goes up by one with each start and is durable when `identify` resolves. `next/log.json` is written last: while it is there, `next/`
 * is the whole new log, and each step of putting it in place can be done again.
 */
import { join } from 'node:path';
import { EVENT_CLASSES, type EventClass, type LabEvent } from '@lab/sdk';
import { z } from 'zod';
import type { Disk } from '../disk/disk.ts';
import type { Quarantine } from './quarantine.ts';
import type { LineForm } from './segment-tail.ts';

const identitySchema = z.object({ log: z.string().regex(/^[0-9a-z]{4,64}$/), epoch: z.int().min(0) });
export type Identity = z.infer<typeof identitySchema>;

const FILE = 'log.json';
const NEXT = 'next';
const PIECE_LINES = 1000;

export function classDir(dir: string, cls: EventClass): string {
  return join(dir, cls);
}

/** `{"id":"<log>.c12", …`: the seq is read from the id. */
export function lineForm(log: string, cls: EventClass): LineForm {
  const prefix = `{"id":"${log}.${cls[0]}`;
  return {
    numberOf: (line) => {
      if (!line.startsWith(prefix)) return undefined;
      const end = line.indexOf('"', prefix.length);
      const seq = end < 0 ? Number.NaN : Number(line.slice(prefix.length, end));
      return Number.isSafeInteger(seq) && seq > 0 ? seq : undefined;
    },
    isWhole: (line, seq) => {
      const event = parsed(line);
      return event !== undefined && event.seq === seq && event.log === log && event.class === cls;
    },
  };
}

export async function identify(args: {
  readonly disk: Disk;
  readonly dir: string;
  readonly quarantine: Quarantine;
  readonly randomId: () => string;
}): Promise<Identity> {
  const { disk, dir, quarantine, randomId } = args;
  const path = join(dir, FILE);
  const bytes = await disk.read(path, 64 * 1024).catch(() => new Uint8Array());
  const stored = bytes === undefined ? undefined : parseIdentity(bytes);
  if (bytes !== undefined && stored === undefined) await quarantine.take(path, 'log.json is not readable');
  const seen = await identityOfLines(disk, dir);
  const log = seen?.log ?? stored?.log ?? randomId();
  const epoch = Math.max(seen?.epoch ?? 0, stored?.epoch ?? 0) + 1;
  await disk.replace(path, `${JSON.stringify({ log, epoch })}\n`);
  return { log, epoch };
}

/** Writes the new log aside, whole. */
export async function prepareRenewal(
  disk: Disk,
  dir: string,
  identity: Identity,
  lines: (cls: EventClass) => AsyncIterable<string>,
): Promise<void> {
  const next = join(dir, NEXT);
  await disk.remove(next);
  for (const cls of EVENT_CLASSES) {
    await disk.makeDir(classDir(next, cls));
    const file = await disk.append(join(classDir(next, cls), '1.jsonl'));
    try {
      let piece: string[] = [];
      for await (const line of lines(cls)) {
        piece.push(`${line}\n`);
        if (piece.length < PIECE_LINES) continue;
        await file.append(piece.join(''));
        piece = [];
      }
      await file.append(piece.join(''));
      await file.sync();
    } finally {
      await file.close();
    }
  }
  await disk.replace(join(next, FILE), `${JSON.stringify(identity)}\n`);
}

/** Puts the new log in place where one is whole, throws an unfinished one away. */
export async function finishRenewal(disk: Disk, dir: string): Promise<void> {
  const next = join(dir, NEXT);
  const bytes = await disk.read(join(next, FILE), 64 * 1024);
  const identity = bytes === undefined ? undefined : parseIdentity(bytes);
  if (identity !== undefined) {
    for (const cls of EVENT_CLASSES) {
      if ((await disk.stat(classDir(next, cls))) === undefined) continue;
      await disk.remove(classDir(dir, cls));
      await disk.move(classDir(next, cls), classDir(dir, cls));
    }
    await disk.replace(join(dir, FILE), `${JSON.stringify(identity)}\n`);
  }
  await disk.remove(next);
}

function parseIdentity(bytes: Uint8Array): Identity | undefined {
  try {
    return identitySchema.parse(JSON.parse(Buffer.from(bytes).toString()));
  } catch {
    return undefined;
  }
}

/** Of the newest whole line that is found: the last segments of the classes, from their ends. */
async function identityOfLines(disk: Disk, dir: string): Promise<Identity | undefined> {
  let newest: Identity | undefined;
  for (const cls of EVENT_CLASSES) {
    const segments = (await disk.list(classDir(dir, cls)))
      .filter((name) => /^[1-9]\d{0,15}\.jsonl$/.test(name))
      .sort((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10));
    for (const name of segments) {
      const found = await identityOfTail(disk, join(classDir(dir, cls), name));
      if (found === undefined) continue;
      if (newest === undefined || found.epoch > newest.epoch) newest = found;
      break;
    }
  }
  return newest;
}

async function identityOfTail(disk: Disk, path: string): Promise<Identity | undefined> {
  const size = (await disk.stat(path))?.size ?? 0;
  const pieces: Uint8Array[] = [];
  for await (const piece of disk.stream(path, Math.max(0, size - 1024 * 1024))) pieces.push(piece);
  for (const line of Buffer.concat(pieces).toString().split('\n').slice(0, -1).reverse()) {
    const event = parsed(line);
    const identity = identitySchema.safeParse(event);
    if (identity.success && event?.id.startsWith(`${identity.data.log}.`)) return identity.data;
  }
  return undefined;
}

function parsed(line: string): LabEvent | undefined {
  try {
    const event: unknown = JSON.parse(line);
    return event !== null && typeof event === 'object' && 'id' in event && typeof event.id === 'string'
      ? (event as LabEvent)
      : undefined;
  } catch {
    return undefined;
  }
}
