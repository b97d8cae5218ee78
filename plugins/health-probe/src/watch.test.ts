import { type Healthcheck, healthcheckSchema } from '@lab/sdk';
import { FakeClock, KeptFacts, KeptLog, processSpec } from '@lab/sdk/testing';
import { expect, it } from 'vitest';
import type { Finding } from './probe.ts';
import { Watch } from './watch.ts';

const BAD: Finding = { ok: false, output: 'no' };
const GOOD: Finding = { ok: true };

function watching(check: Partial<Healthcheck>) {
  const clock = new FakeClock();
  const facts = new KeptFacts();
  const asked: number[] = [];
  const now = { finding: BAD, running: 0, most: 0, takesMs: 0, alive: true };
  const watch = new Watch({
    subject: { spec: processSpec('web', { command: ['sleep'] }), instance: 'i1' },
    check: healthcheckSchema.parse({ command: ['true'], interval: 10, retries: 3, timeout: 5, ...check }),
    probe: async () => {
      asked.push(clock.monotonic());
      now.most = Math.max(now.most, ++now.running);
      if (now.takesMs > 0) await new Promise<void>((done) => void clock.after(now.takesMs, done));
      now.running--;
      return now.finding;
    },
    alive: () => now.alive,
    startingMs: 250,
    source: 'healthcheck',
    clock,
    emit: facts.emit,
    log: new KeptLog(),
  });
  watch.begin();
  return { clock, facts, asked, now, watch };
}

it('asks often until the first success, and then at its interval', async () => {
  const { clock, asked, now, facts } = watching({});
  await clock.advance(1_000);
  expect(asked).toEqual([0, 250, 500, 750, 1_000]);
  now.finding = GOOD;
  await clock.advance(250);
  expect(facts.types('web')).toEqual(['service_healthy']);
  await clock.advance(20_000);
  expect(asked.slice(5)).toEqual([1_250, 11_250, 21_250]);
});

it('judges a slow start by the interval of its check, not by how closely it is watched', async () => {
  const { clock, facts } = watching({ startPeriod: 60 });
  await clock.advance(89_000);
  expect(facts.all).toEqual([]);
  await clock.advance(1_500);
  expect(facts.all).toMatchObject([
    { type: 'healthcheck_failed', data: { instance: 'i1', output: 'no', failures: 3 } },
  ]);
  await clock.advance(100_000);
  expect(facts.all).toHaveLength(1);
});

it('a success ends the start period', async () => {
  const { clock, facts, now } = watching({ startPeriod: 1_000 });
  now.finding = GOOD;
  await clock.advance(250);
  now.finding = BAD;
  await clock.advance(29_000);
  expect(facts.types('web')).toEqual(['service_healthy']);
  await clock.advance(1_500);
  expect(facts.types('web')).toEqual(['service_healthy', 'healthcheck_failed']);
});

it('counts failures in a row only', async () => {
  const { clock, facts, now } = watching({ retries: 2 });
  now.finding = GOOD;
  await clock.advance(250);
  for (let round = 0; round < 5; round++) {
    now.finding = BAD;
    await clock.advance(10_000);
    now.finding = GOOD;
    await clock.advance(10_000);
  }
  expect(facts.types('web')).toEqual(['service_healthy']);
});

it('never asks twice at once, and gives up what takes too long', async () => {
  const { clock, facts, asked, now } = watching({ interval: 1, timeout: 2, retries: 1 });
  now.finding = GOOD;
  now.takesMs = 1_500;
  await clock.advance(250 + 1_500);
  expect(facts.types('web')).toEqual(['service_healthy']);
  expect(now.most).toBe(1);
  now.takesMs = 5_000;
  await clock.advance(1_000 + 2_000);
  expect(facts.all.at(-1)).toMatchObject({ type: 'healthcheck_failed', data: { output: 'no answer within 2 s' } });
  expect(asked).toEqual([0, 250, 2_750]);
});

it('leaves nothing behind when it ends', async () => {
  const { clock, facts, now, watch } = watching({});
  now.finding = GOOD;
  now.takesMs = 1_000;
  watch.end();
  await clock.advance(60_000);
  expect(facts.all).toEqual([]);
  expect(clock.waiting).toBe(0);
});

it('leaves it to the provider to say that the process ended: that is the better cause', async () => {
  const { clock, facts, now } = watching({ interval: 1, retries: 2 });
  now.finding = GOOD;
  await clock.advance(1_000);
  now.finding = BAD;
  now.alive = false;
  await clock.advance(10_000);
  expect(facts.types('web')).toEqual(['service_healthy']);
  now.alive = true;
  await clock.advance(1_000);
  expect(facts.types('web')).toEqual(['service_healthy', 'healthcheck_failed']);
});
