/** The example fleet as `lab up` runs it: it comes up whole, stops in order, and comes back as it was. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ActionView, ServiceView, StatusView } from '@lab/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Launched } from './launched.ts';
import { alive, kill9, Machine } from './machine.ts';
import { until } from './until.ts';

const EXAMPLES = [
  'chelsty-infra/mosquitto',
  'chelsty-infra/zigbee2mqtt',
  'piha/agent-system',
  'solaria/ollama',
  'vps/nginx-proxy-manager',
];
const Z2M = 'chelsty-infra/zigbee2mqtt';
const RESTART = 'container-restart-chelsty-infra-zigbee2mqtt';

let machine: Machine;
let up: Launched;

beforeAll(async () => {
  machine = await Machine.make();
  up = await machine.up();
});
afterAll(() => machine.cleanup());

const monitored = (services: readonly ServiceView[]): ServiceView[] =>
  services.filter(({ monitor, observed }) => monitor && !observed);

describe('lab up', () => {
  it('prints ready with its address, alone on stdout, once every example service is healthy', async () => {
    expect(up.out).toBe(`ready http://127.0.0.1:${machine.port}\n`);
    const services = await machine.get<ServiceView[]>('/v1/services');
    expect(monitored(services).map(({ node, name }) => `${node}/${name}`)).toEqual(EXAMPLES);
    for (const service of monitored(services)) {
      expect(service.health).toBe('healthy');
      expect(service.digest.running).toBe(service.digest.desired);
      expect(service.digest.approved).toBe(service.digest.desired);
      expect(alive(service.instances[0]?.pid ?? 0)).toBe(true);
    }
  });

  it('shows the node whose provider is not installed as such, and is not disturbed by it', async () => {
    const { code, stdout } = await machine.lab('status');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^all is well · 5 of 5 services healthy · 6 nodes · revision /);
    expect(stdout).toMatch(/^chelsty-ha .* no plugin for ssh$/m);
  });

  it('refuses a second one on the held root, with the pid', async () => {
    const { code, stdout, stderr } = await machine.lab('up');
    expect(code).toBe(5);
    expect(stdout).toBe('');
    expect(stderr).toMatch(`the daemon with pid ${machine.daemonPid()} runs on ${machine.root} already`);
  });
});

describe('a service that was killed', () => {
  let first: ActionView;

  it('is noticed, explained and proposed: one file, whose evidence is in the journal', async () => {
    kill9(await machine.pid(Z2M));
    first = await machine.action(RESTART, 'pending');
    expect(machine.folder('pending')).toEqual([`${RESTART}.json`]);
    const file = machine.file('pending', `${RESTART}.json`);
    expect(file.why).toMatchObject({ rule: 'unhealthy_service', cause: 'containers_not_running' });
    expect(file.why.text).toMatch(/^zigbee2mqtt ended by SIGKILL at \d\d:\d\d/);
    const evidence = machine.journal().filter(({ id }) => file.why.evidence.includes(id));
    expect(evidence.map(({ type, service }) => `${service} ${type}`)).toEqual(['zigbee2mqtt containers_not_running']);
    expect(file).toMatchObject({ class: 'heal', risk: 'low', from: first.from, to: first.from });
  });

  it('has one file also when it is reconciled again', async () => {
    await machine.lab('plan');
    await machine.lab('plan');
    expect(machine.folder('pending')).toEqual([`${RESTART}.json`]);
    expect(machine.file('pending', `${RESTART}.json`).ulid).toBe(first.ulid);
  });

  it('is said where lab up runs, with the command to type', async () => {
    expect(await up.said(`▲ ${RESTART}: `)).toMatch(/ended by SIGKILL/);
    await up.said(`  lab approve ${RESTART}`);
  });

  it('runs again once approved, completed only after the health of the new instance', async () => {
    const dead = await machine.service(Z2M);
    await machine.lab('status');
    const { code, stdout } = await machine.lab(`approve ${RESTART} --wait`);
    expect(stdout).toMatch(/started zigbee2mqtt \(pid \d+\)/);
    expect(code).toBe(0);
    const service = await machine.service(Z2M);
    expect(service.health).toBe('healthy');
    const instance = service.instances[0]?.instance;
    expect(instance).not.toBe(dead.instances[0]?.instance);
    const journal = machine.journal().filter((event) => event.service === 'zigbee2mqtt');
    const completed = journal.find(({ type, data }) => type === 'action_completed' && data.ulid === first.ulid);
    const started = journal.find(({ type, data }) => type === 'action_run_started' && data.ulid === first.ulid);
    const healthy = journal.filter(({ type, data }) => type === 'service_healthy' && data.instance === instance);
    expect(healthy.map(({ source }) => source)).toEqual(expect.arrayContaining(['process', 'healthcheck']));
    for (const { ord } of healthy) expect(ord).toBeLessThan(completed?.ord ?? 0);
    for (const { ord } of healthy) expect(ord).toBeGreaterThan(started?.ord ?? Number.POSITIVE_INFINITY);
  });

  it('killed again is another incident: what was approved of the first does not serve it', async () => {
    kill9(await machine.pid(Z2M));
    const second = await machine.action(RESTART, 'pending');
    expect(second.ulid).not.toBe(first.ulid);
    const byUlid = await machine.lab(`approve ${RESTART}@${first.ulid} --hash ${first.planHash}`);
    expect(byUlid.code).toBe(5);
    expect(byUlid.stderr).toMatch(/^error: this approval is stale\n {2}you saw the proposal of an earlier incident/);
    // Somebody who saw the first incident last, and not what lab up has shown of the second.
    const seen = join(machine.root, `state/seen-${process.getuid?.()}.json`);
    await until('lab up to show the second', () => readFileSync(seen, 'utf8').includes(second.ulid));
    writeFileSync(seen, readFileSync(seen, 'utf8').replaceAll(second.ulid, first.ulid));
    const bare = await machine.lab(`approve ${RESTART}`);
    expect(bare.code).toBe(5);
    expect(machine.folder('pending')).toEqual([`${RESTART}.json`]);
    expect((await machine.lab(`approve ${RESTART}@${second.ulid} --yes --wait`)).code).toBe(0);
    await machine.healthy(Z2M);
  });
});

describe('Ctrl-C', () => {
  let before: StatusView;
  let ports: string;

  it('stops every service, dependents first, and ends with 0', async () => {
    before = await machine.status();
    ports = readFileSync(join(machine.root, 'ports.json'), 'utf8');
    const pids = [...machine.living().values()];
    expect(machine.living().size).toBe(EXAMPLES.length);
    const ended = await up.interrupt();
    expect(up.err.split('\n').slice(-9)).toEqual(expect.arrayContaining([expect.stringContaining(`stopping ${Z2M}`)]));
    expect(ended).toEqual({ code: 0, signal: null });
    expect(pids.filter(alive)).toEqual([]);
    const said = [...up.err.matchAll(/stopping (\S+\/\S+)/g)].map(([, name]) => name);
    expect(said.toSorted()).toEqual(EXAMPLES);
    expect(said.indexOf(Z2M)).toBeLessThan(said.indexOf('chelsty-infra/mosquitto'));
    expect(existsSync(join(machine.root, 'daemon.lock'))).toBe(false);
    expect((await machine.lab('status')).code).toBe(8);
  });

  it('a second start brings back what ran within seconds: same digests, same ports, nothing proposed', async () => {
    const head = machine.journal().at(-1)?.ord ?? 0;
    const began = performance.now();
    up = await machine.up();
    expect(performance.now() - began).toBeLessThan(15_000);
    const after = await machine.status();
    const digests = (status: StatusView) => monitored(status.services).map(({ name, digest }) => [name, digest]);
    expect(digests(after)).toEqual(digests(before));
    expect(after.services.map(({ ports: own }) => own)).toEqual(before.services.map(({ ports: own }) => own));
    expect(readFileSync(join(machine.root, 'ports.json'), 'utf8')).toBe(ports);
    expect(after.pending).toEqual([]);
    const since = machine.journal().filter(({ ord }) => ord > head);
    expect(since.filter(({ type }) => type.startsWith('action_'))).toEqual([]);
    expect(since.filter(({ severity }) => severity !== 'info').map(({ type }) => type)).toEqual([]);
  });

  it('SIGTERM does the same', async () => {
    const pids = await until('the services', () => {
      const living = machine.living();
      return living.size === EXAMPLES.length ? [...living.values()] : undefined;
    });
    process.kill(up.pid, 'SIGTERM');
    expect(await up.ended).toEqual({ code: 0, signal: null });
    expect(pids.filter(alive)).toEqual([]);
  });
});
