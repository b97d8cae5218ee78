/** What a policy says holds end to end: never, windows, and the backoff of what fails. */
import { expect, it } from 'vitest';
import { Lab, policy } from './house.ts';

const RESTART = 'container-restart-piha-broker';
const REDEPLOY = 'redeploy-piha-broker';
const revision = (n: number) => ({
  'services/broker/service.yaml': `process: { command: [node, broker.mjs], env: { REVISION: "${n}" }, ports: { mqtt: 1883 } }\n`,
});

it('never means never, and says which line of the policy it is', async () => {
  await using lab = await Lab.start(policy('change: auto, heal: never'));
  await lab.dies('piha', 'broker');
  await lab.pass(3_600_000);
  expect(lab.action(RESTART)).toBeUndefined();
  const [why] = (await lab.plane.status()).waiting.map((one) => one.why);
  expect(why).toMatchObject({ waitsFor: 'policy' });
  expect(why?.text).toContain('inventory/policy.yaml:2');
});

it('a change outside its window waits for it, approved or not, and runs once when it opens', async () => {
  const windows = 'windows: [{ cron: "0 2 * * *", for: 1h, zone: UTC }]';
  await using lab = await Lab.start(policy('change: auto, heal: ask'));
  const made = lab.outside.made.length;
  await lab.edit({ ...policy(`change: auto, heal: ask, ${windows}`), ...revision(2) });
  // The clock of a lab begins at midnight.
  await lab.pass(3_600_000);
  expect(lab.outside.made.length).toBe(made);
  const waits = (await lab.plane.status()).waiting.find(({ id }) => id === REDEPLOY);
  expect(waits?.why).toMatchObject({ waitsFor: 'window', nextTry: '2026-01-01T02:00:00.000Z' });
  await lab.until(() => lab.action(REDEPLOY)?.state === 'completed', 'it runs in its window', 2 * 3_600_000);
  await lab.pass(3_600_000);
  expect(lab.outside.made.length).toBe(made + 1);
});

it('what fails is tried again after a backoff that doubles, and says how often it failed', async () => {
  // Nobody in a bottle runs healthchecks, so a service with one is never confirmed.
  const unhealthy =
    'process: { command: [node, broker.mjs], healthcheck: { command: [check], interval: 5, retries: 1 } }\n';
  await using lab = await Lab.start({
    ...policy('change: auto'),
    'lab.yaml': 'thresholds: { verify: 60s }\n',
    'services/broker/service.yaml': unhealthy,
  });
  const failedAt: number[] = [];
  const startedAt: number[] = [];
  for (let row = lab.action(REDEPLOY); failedAt.length < 5; row = lab.action(REDEPLOY)) {
    const now = lab.outside.clock.now();
    if (row?.failures === failedAt.length + 1) failedAt.push(Date.parse(row.failedAt ?? ''));
    if (row?.state === 'running' && startedAt.length < failedAt.length) startedAt.push(now);
    await lab.pass(1_000);
  }
  const waitedMin = startedAt.map((at, index) => Math.round((at - (failedAt[index] ?? 0)) / 60_000));
  expect(waitedMin).toEqual([1, 2, 4, 8]);
  const waiting = (await lab.plane.status()).waiting.find(({ id }) => id === REDEPLOY);
  expect(waiting?.why).toMatchObject({ waitsFor: 'backoff' });
  expect(waiting?.why.text).toContain('failed 5 times');
  expect(lab.action('redeploy-piha-bridge')?.state, 'it disturbs no other').toBe('completed');
});

it('a run that an orderly stop cut off, whose instance another took the place of, ends at the next start at once', async () => {
  await using lab = await Lab.start(policy('change: auto, heal: ask'));
  const unhealthy =
    'process: { command: [node, broker.mjs], healthcheck: { command: [check], interval: 5, retries: 1 } }\n';
  await lab.edit({ 'services/broker/service.yaml': unhealthy });
  await lab.until(() => lab.action(REDEPLOY)?.state === 'running', 'it waits for its confirmation');
  const { ulid } = lab.action(REDEPLOY) ?? {};
  await lab.stopAll();
  await lab.begin();
  await lab.pass(4_000);
  const ended = (await lab.plane.actions(['failed'])).find((one) => one.ulid === ulid);
  expect(ended?.outcome?.reason).toBe('interrupted');
  expect(lab.instance('piha', 'broker'), 'what was approved is kept').toBeDefined();
});
