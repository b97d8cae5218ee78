/**
 * Replay of 1,000,000 events of services that live, fail and come back: the journal read, checked and folded into the world, as `lab
 * replay` and a start without a checkpoint do it. Beside reading the same files and `JSON.parse` of each line alone. The second line
 * leaves the fold out, which tells what each half costs.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeDisk } from '@lab/kernel/disk/node-disk';
import { builtInEvents } from '@lab/kernel/observer/events/built-in';
import { Journal, type JournalOptions } from '@lab/kernel/observer/journal';
import { replay } from '@lab/kernel/observer/replay';
import { World } from '@lab/kernel/observer/world';
import { type Clock, eventId, type LabEvent, type Log } from '@lab/sdk';
import { type Asked, type BenchResult, cost, interleave, timed } from './result.ts';

const NODES = 50;
const SERVICES = 10;
const BATCH = 1_000;
const ROUNDS = 5;
const EVENTS = { whole: 1_000_000, quick: 100_000 };
const STARTED = 1_770_000_000_000;
const DIGEST = 'a1'.repeat(32);

const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: () => ({ cancel: () => undefined }),
  every: () => ({ cancel: () => undefined }),
};
const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, with: () => silent };

/** In turn: an instance is born, found healthy, ill, well again, and ends. */
function said(turn: number, instance: string): Pick<LabEvent, 'type' | 'source' | 'data'> {
  const sources = ['process', 'healthcheck'];
  if (turn === 0)
    return {
      type: 'service_progressing',
      source: 'process',
      data: {
        instance,
        digest: DIGEST,
        pid: 4_711,
        run: '01J00000000000000000000000',
        ports: { http: 18_201 },
        sources,
      },
    };
  if (turn === 4)
    return { type: 'containers_not_running', source: 'process', data: { instance, exitCode: null, signal: 'SIGKILL' } };
  const type = turn === 2 ? 'service_unhealthy' : 'service_healthy';
  return { type, source: 'healthcheck', data: turn === 2 ? { instance, reason: 'status 500' } : { instance } };
}

function lineOf(node: number, log: string, seq: number): string {
  const life = Math.floor((seq - 1) / (SERVICES * 5));
  const { type, source, data } = said(Math.floor((seq - 1) / SERVICES) % 5, `i-${life}`);
  const event: LabEvent = {
    id: eventId(log, 'health', seq),
    node: `node-${node}`,
    log,
    epoch: 3,
    class: 'health',
    seq,
    type,
    at: new Date(STARTED + seq * 1_000).toISOString(),
    ...(source === undefined ? {} : { source }),
    service: `service-${seq % SERVICES}`,
    severity: 'info',
    data,
  };
  return JSON.stringify(event);
}

export async function replaying({ quick }: Asked): Promise<BenchResult[]> {
  const total = quick ? EVENTS.quick : EVENTS.whole;
  const dir = await mkdtemp(join(tmpdir(), 'lab-bench-replay-'));
  try {
    const disk = new NodeDisk();
    const registry = builtInEvents();
    const options: JournalOptions = {
      disk,
      root: dir,
      clock,
      registry,
      log: silent,
      hubNode: 'hub',
      randomId: () => 'hubbench0000',
    };
    const journal = await Journal.open(options);
    for (let from = 1; from <= total / NODES; from += BATCH) await fill(journal, from);
    if (journal.head !== total) throw new Error(`${journal.head} of ${total} events were accepted`);

    const folded = (): Promise<number> =>
      timed(async () => {
        const world = await replay({ journal, registry, start: new World() });
        const rows = world.rows('health', 'service').size;
        if (world.ord !== total || rows !== NODES * SERVICES) throw new Error(`folded to ${world.ord}, ${rows} rows`);
      });
    const read = (): Promise<number> =>
      timed(async () => {
        let count = 0;
        for await (const events of journal.read(1)) count += events.length;
        if (count !== total) throw new Error(`read ${count}`);
      });
    const bare = (): Promise<number> =>
      timed(async () => {
        const count = await bareParse(disk, join(dir, 'events'));
        if (count !== total) throw new Error(`parsed ${count}`);
      });
    const rounds = quick ? 2 : ROUNDS;
    const note = 'how many times reading the same files and JSON.parse of each line';
    const results = [
      cost(
        `replay of ${total.toLocaleString('en-US')} events, read and folded`,
        'ms',
        await interleave(rounds, folded, bare),
        { note },
      ),
      cost('the same, read and not folded', 'ms', await interleave(rounds, read, bare)),
    ];
    await journal.close();
    return results;
  } finally {
    await rm(dir, { recursive: true });
  }
}

async function fill(journal: Journal, from: number): Promise<void> {
  const accepted = await Promise.all(
    Array.from({ length: NODES }, (_, node) => {
      const log = `replay${String(node).padStart(6, '0')}`;
      const lines = Array.from({ length: BATCH }, (_, index) => lineOf(node, log, from + index));
      return journal.accept({ node: `node-${node}`, log }, { class: 'health', from, lines });
    }),
  );
  if (accepted.some(({ quarantined }) => quarantined > 0)) throw new Error('the journal refused lines of this bench');
}

async function bareParse(disk: NodeDisk, events: string): Promise<number> {
  let count = 0;
  for (const day of (await disk.list(events)).filter((name) => /^\d/.test(name))) {
    for (const name of await disk.list(join(events, day))) {
      const text = Buffer.from((await disk.read(join(events, day, name))) ?? []).toString();
      for (const line of text.split('\n')) if (line !== '' && (JSON.parse(line) as LabEvent).seq > 0) count++;
    }
  }
  return count;
}
