/** A newcomer's first minutes: `lab new`, up, apply, a fault, its healing. With nothing set but what the newcomer is told to type. */
import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { nodeNameFrom } from '@lab/kernel/inventory/scaffold';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Launched } from './launched.ts';
import { kill9, Machine } from './machine.ts';

const NODE = nodeNameFrom(hostname());
const HELLO = `${NODE}/hello`;
/** In another terminal nothing is set, not even the fleet. */
const ELSEWHERE = { LAB_ROOT: '', LAB_REPO: '' };
const ITS_OWN = { LAB_ROOT: '' };

let machine: Machine;
let up: Launched;

beforeAll(async () => {
  machine = await Machine.make({ fleet: {}, root: 'fleet/.lab' });
});
afterAll(() => machine.cleanup());

describe("a newcomer's own fleet", () => {
  it('is written by lab new, which says what to type next', async () => {
    const { code, stdout } = await machine.lab(`new ${machine.repo}`, ELSEWHERE);
    expect(code).toBe(0);
    expect(stdout).toMatch(`one node (${NODE}), one service`);
    expect(stdout).toMatch(/LAB_REPO=\S+fleet \.\/lab up\n {2}lab apply/);
    expect((await machine.lab(`new ${machine.repo}`, ELSEWHERE)).code).toBe(5);
    const valid = await machine.lab(`validate --repo ${machine.repo}`, ELSEWHERE);
    expect(valid.code).toBe(0);
  });

  it('is up with its root beside its files, which Git ignores', async () => {
    up = await machine.up(ITS_OWN);
    expect(existsSync(join(machine.repo, '.lab/daemon.lock'))).toBe(true);
    expect(readFileSync(join(machine.repo, '.gitignore'), 'utf8')).toMatch(/^\/\.lab\/$/m);
    await up.said(`▲ redeploy-${NODE}-hello: hello was never deployed`);
    await up.said(`  lab approve redeploy-${NODE}-hello`);
  });

  it('is found from another terminal, and lab apply starts its service', async () => {
    const status = await machine.lab('status', ELSEWHERE);
    expect(status.stdout).toMatch(/^1 thing needs you · 0 of 1 service healthy · 1 node/);
    const { code, stdout, stderr } = await machine.lab('apply --yes', ELSEWHERE);
    expect(stderr).toMatch(`● redeploy-${NODE}-hello completed`);
    expect(stdout).toMatch(/1 completed\n$/);
    expect(code).toBe(0);
    const { ports } = await machine.healthy(HELLO);
    expect(await (await fetch(`http://127.0.0.1:${ports.http}/`)).text()).toBe(`Hello from ${NODE}\n`);
  });

  it('heals once its restart is approved', async () => {
    const pid = await machine.pid(HELLO);
    kill9(pid);
    const { id } = await machine.action(`container-restart-${NODE}-hello`, 'pending');
    await up.said(`  lab approve ${id}`);
    const { code } = await machine.lab(`approve ${id} --wait`, ELSEWHERE);
    expect(code).toBe(0);
    await machine.healthy(HELLO, pid);
    expect((await machine.lab('status', ELSEWHERE)).stdout).toMatch(/^all is well · 1 of 1 service healthy/);
  });
});
