/** What people run into: wrong words, no daemon, a port that is taken, a fleet that is broken. Each is said once, with what to do. */
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { StatusView } from '@lab/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Machine } from './machine.ts';
import { BOLD, hostYaml, smallFleet } from './small-fleet.ts';
import { until } from './until.ts';

let machine: Machine;

beforeAll(async () => {
  machine = await Machine.make({
    fleet: smallFleet({ hosts: { hut: 'stove: {}', barn: 'cow: {}, hen: {}' }, policies: [BOLD] }),
  });
});
afterAll(() => machine.cleanup());

describe('with no daemon', () => {
  it.each(['status', 'plan', 'services', 'approve x --yes', 'logs barn/cow', 'stop barn/cow', 'events', 'audit'])(
    'lab %s says so in one line and ends with 8',
    async (words) => {
      const { code, stdout, stderr } = await machine.lab(words);
      expect({ code, stdout }).toEqual({ code: 8, stdout: '' });
      expect(stderr).toBe(
        `error: no hub answers at http://127.0.0.1:${machine.port} (ECONNREFUSED): start it with ./lab up\n`,
      );
    },
  );

  it('lab validate and lab doctor work all the same', async () => {
    expect((await machine.lab('validate')).code).toBe(0);
    expect((await machine.lab('doctor')).stdout).toMatch(/no hub answers/);
  });
});

describe('wrong words', () => {
  it.each([
    ['stauts', /^error: there is no command "stauts"\n {2}did you mean status\?/],
    ['apply --force', /^error: lab apply has no option --force/],
    ['up now', /^error: lab up does not take "now"/],
    ['events --limit many', /^error: --limit "many" is no number/],
  ])('lab %s ends with 2 and says what is meant', async (words, said) => {
    const { code, stderr } = await machine.lab(words);
    expect(code).toBe(2);
    expect(stderr).toMatch(said);
  });
});

describe('lab up that cannot', () => {
  async function refused(env: Readonly<Record<string, string>> = {}) {
    const launched = machine.launch(env);
    const { code } = await launched.ended;
    expect(launched.out).toBe('');
    return { code, err: launched.err.replace(/^starting\n/, '') };
  }

  it('have its port: says so once, and is not tried again', async () => {
    const other = await listening(machine.port);
    const { code, err } = await refused();
    other.close();
    expect(err).toBe(
      `error: port ${machine.port} is taken by another program\n  127.0.0.1:${machine.port}\n  choose another: LAB_PORT=18181 ./lab up\n`,
    );
    expect(code).toBe(5);
  });

  it('read a broken fleet at its first start: lists its errors as lab validate does', async () => {
    await machine.write('hosts/barn/services.yaml', hostYaml('cow: { exposure: lan }, hne: {}'));
    const { code, err } = await refused();
    const { stdout } = await machine.lab('validate');
    const problems = stdout.slice(0, stdout.indexOf('2 problems'));
    expect(problems).toMatch(/^hosts\/barn\/services\.yaml:1:20 {2}unknown exposure "lan"\n {4}1 \| /);
    expect(err.startsWith(problems)).toBe(true);
    expect(err).toMatch(/^error: the fleet in \S+ has 2 problems$/m);
    expect(code).toBe(1);
    await machine.write('hosts/barn/services.yaml', hostYaml('cow: {}, hen: {}'));
  });

  it('find a fleet says that lab new writes one', async () => {
    const { code, err } = await refused({ LAB_REPO: join(machine.dir, 'nowhere') });
    expect(err).toMatch(/there is no fleet at \S+nowhere .*lab new writes one/);
    expect(code).toBe(1);
  });

  it('write its root says which, and what to give', async () => {
    const file = join(machine.dir, 'a-file');
    await writeFile(file, '');
    const { code, err } = await refused({ LAB_ROOT: file });
    expect(err).toMatch(/^error: the runtime root cannot be written: .*\n {2}give another: LAB_ROOT=DIR/);
    expect(code).toBe(1);
  });

  it('read its port', async () => {
    const { code, err } = await refused({ LAB_PORT: '99999' });
    expect(err).toBe('error: LAB_PORT "99999" is no port\n  a port is a number from 1 to 65535\n');
    expect(code).toBe(2);
  });
});

describe('lab status while it starts', () => {
  it('says that it starts, then what it is settling, then that all is well', async () => {
    const launched = machine.launch();
    const early: string[] = [];
    const texts: string[] = [];
    await until('an answer', async () => {
      const { code, stdout, stderr } = await machine.lab('status');
      (code === 0 ? texts : early).push(code === 0 ? stdout : stderr);
      return launched.out !== '';
    });
    for (const text of early)
      expect(text).toMatch(/^error: (no hub answers|the daemon \(pid \d+\) does not answer yet)/);
    await launched.ready();
    const status = await machine.get<StatusView>('/v1/status');
    expect(status.settled).toBe(true);
    expect((await machine.lab('status')).stdout).toMatch(/^all is well · 3 of 3 services healthy/);
    expect((await machine.lab('doctor')).code).toBe(0);
    expect((await machine.lab('doctor')).stdout).not.toMatch(/others may read it/);
  });
});

function listening(port: number): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
