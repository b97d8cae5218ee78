/**
 * Ingest of the journal beside a naive loop (parse, keep the newest of each row in a Map, append, fdatasync for each group), on the
 * real disk.
 */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeDisk } from '@lab/kernel/disk/node-disk';
import { Journal } from '@lab/kernel/observer/journal';
import { EventRegistry } from '@lab/kernel/observer/registry';
import { type Clock, eventId, type LabEvent, type Log } from '@lab/sdk';
import { z } from 'zod';
import { type BenchResult, interleave, timed } from './result.ts';

const SENDERS = 50;
const ROUNDS = 5;

const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: () => ({ cancel: () => undefined }),
  every: () => ({ cancel: () => undefined }),
};
const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, with: () => silent };
const registry = new EventRegistry([
  {
    type: 'service_healthy',
    class: 'health',
    origin: 'node',
    severity: 'info',
    data: z.object({ instance: z.string(), run: z.string().optional(), detail: z.string().max(2_000).optional() }),
  },
]);

function lineOf(sender: number, log: string, seq: number): string {
  const event: LabEvent = {
    id: eventId(log, 'health', seq),
    node: `node-${sender}`,
    log,
    epoch: 3,
    class: 'health',
    seq,
    type: 'service_healthy',
    at: new Date(1_770_000_000_000 + seq * 1_000).toISOString(),
    source: 'healthcheck',
    service: `service-${seq % 10}`,
    severity: 'info',
    data: { instance: `i-${seq}`, run: '01J00000000000000000000000', detail: 'answered in 12 ms' },
  };
  return JSON.stringify(event);
}

/** Batches of each sender, in order. */
function batches(
  size: number,
  total: number,
  round: number,
): { sender: number; log: string; from: number; lines: string[] }[] {
  const each = Math.floor(total / SENDERS / size);
  const all = [];
  for (let batch = 0; batch < each; batch++) {
    for (let sender = 0; sender < SENDERS; sender++) {
      const log = `r${round.toString(36)}s${sender.toString(36)}x${size}`.padEnd(12, '0');
      const from = batch * size + 1;
      all.push({
        sender,
        log,
        from,
        lines: Array.from({ length: size }, (_, index) => lineOf(sender, log, from + index)),
      });
    }
  }
  return all;
}

async function ingest(dir: string, size: number, total: number): Promise<BenchResult> {
  const journal = await Journal.open({
    disk: new NodeDisk(),
    root: join(dir, `ours-${size}`),
    clock,
    registry,
    log: silent,
    hubNode: 'hub',
    randomId: () => 'hubbench0000',
  });
  const naive = await open(join(dir, `naive-${size}.jsonl`), 'a');
  const newest = new Map<string, LabEvent>();
  let round = 0;
  // A group is what fifty senders have under way at once: each sends its next batch when the last one is acknowledged.
  const ours = async (): Promise<number> => {
    const all = batches(size, total, round++);
    const ms = await timed(async () => {
      for (let at = 0; at < all.length; at += SENDERS) {
        const group = all.slice(at, at + SENDERS);
        await Promise.all(
          group.map(({ sender, log, from, lines }) =>
            journal.accept({ node: `node-${sender}`, log }, { class: 'health', from, lines }),
          ),
        );
      }
    });
    return (total / ms) * 1000;
  };
  const baseline = async (): Promise<number> => {
    const all = batches(size, total, round++);
    const ms = await timed(async () => {
      for (let at = 0; at < all.length; at += SENDERS) {
        const group = all.slice(at, at + SENDERS).flatMap(({ lines }) => lines);
        for (const line of group) {
          const event = JSON.parse(line) as LabEvent;
          newest.set(`${event.node}/${event.service}`, event);
        }
        await naive.appendFile(`${group.join('\n')}\n`);
        await naive.datasync();
      }
    });
    return (total / ms) * 1000;
  };
  const medians = await interleave(ROUNDS, ours, baseline);
  await journal.close();
  await naive.close();
  return {
    name: `journal ingest, batches of ${size} from ${SENDERS} senders`,
    unit: 'events/s',
    ...medians,
    ratio: medians.ours / medians.baseline,
  };
}

export async function journalBench(): Promise<BenchResult[]> {
  const dir = await mkdtemp(join(tmpdir(), 'lab-bench-journal-'));
  try {
    return [await ingest(dir, 1, 10_000), await ingest(dir, 5, 25_000), await ingest(dir, 500, 100_000)];
  } finally {
    await rm(dir, { recursive: true });
  }
}
