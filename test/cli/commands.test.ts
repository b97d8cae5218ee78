/** Each command against a hub: its exit code, what goes where, and JSON that is what the schemas say. */
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { actionView, eventView, nodeView, REDEPLOY, RESTART } from '@lab/api/testing/fixtures';
import { COMMANDS } from '@lab/cli/commands';
import { STATES } from '@lab/cli/commands/actions';
import { Hub } from '@lab/cli/hub/client';
import { followEvents } from '@lab/cli/hub/event-source';
import { holdRoot } from '@lab/daemon/lock';
import {
  ACTION_STATES,
  actionViewSchema,
  appliedViewSchema,
  auditLineSchema,
  auditVerdictSchema,
  doctorViewSchema,
  eventViewSchema,
  maintenanceSetSchema,
  maintenanceViewSchema,
  nodeViewSchema,
  planViewSchema,
  pluginViewSchema,
  replayViewSchema,
  serviceViewSchema,
  showViewSchema,
  statusViewSchema,
  targetViewSchema,
} from '@lab/sdk';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { FakeHub, instantClock, MAIN, spawned, TOKEN } from './fake-hub.ts';

const SERVICE = 'piha/agent-system';

/** Words, and the schema of its JSON. Every command with JSON that asks the hub is here. */
const ANSWERS: readonly (readonly [string, z.ZodType])[] = [
  ['status', statusViewSchema],
  ['nodes', z.array(nodeViewSchema)],
  ['services', z.array(serviceViewSchema)],
  ['actions', z.array(actionViewSchema)],
  ['actions --state pending', z.array(actionViewSchema)],
  ['plan', planViewSchema],
  ['apply --yes --no-wait', appliedViewSchema],
  ['show piha', showViewSchema],
  [`show ${SERVICE}`, showViewSchema],
  [`show ${RESTART.id}`, showViewSchema],
  ['targets site=home', targetViewSchema],
  ['events', z.array(eventViewSchema)],
  ['replay --until 10m', replayViewSchema],
  ['plugins', z.array(pluginViewSchema)],
  ['audit', z.array(auditLineSchema)],
  ['audit verify', auditVerdictSchema],
  ['maintenance', z.array(maintenanceViewSchema)],
  ['maintenance on site=home --for 2h --reason x', maintenanceSetSchema],
  ['maintenance off m1', maintenanceSetSchema],
  ['doctor', doctorViewSchema],
  [`approve ${REDEPLOY.id} --yes`, actionViewSchema],
  [`reject ${REDEPLOY.id} --reason x --for 2h`, actionViewSchema],
  [`cancel ${REDEPLOY.id}`, actionViewSchema],
  [`stop ${SERVICE} --no-wait`, actionViewSchema],
  [`start ${SERVICE} --no-wait`, actionViewSchema],
  [`restart ${SERVICE} --no-wait`, actionViewSchema],
];

describe.each(ANSWERS)('lab %s', (words, schema) => {
  it('-o json is what its schema says, with nothing else on stdout, and YAML has the same', async () => {
    await using hub = await FakeHub.start();
    const { code, out, err } = await hub.lab([...words.split(' '), '-o', 'json'], { env: { LAB_REPO: hub.root } });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(schema.safeParse(JSON.parse(out)).error?.issues ?? []).toEqual([]);
    expect(out).not.toMatch(/\b\d+ min\b.*ago/);
  });

  it('without a hub is one line and 8', async () => {
    if (words === 'doctor')
      return expect((await spawned(['doctor'], { LAB_PORT: '1', LAB_ROOT: '/nonexistent' })).code).toBe(0);
    await using hub = await FakeHub.start();
    const { url } = hub;
    await hub.close();
    const { code, out, err } = await hub.lab(words.split(' '));
    await hub.listen(0);
    expect({ code, out, err }).toEqual({
      code: 8,
      out: '',
      err: `error: no hub answers at ${url} (ECONNREFUSED): start it with ./lab up\n`,
    });
  });
});

it('every state of an action is known, and every command has help with an example', async () => {
  expect(STATES).toEqual(ACTION_STATES);
  for (const { name, examples, summary } of COMMANDS) {
    expect({ name, examples: examples.length > 0, summary: summary.length > 10 }).toEqual({
      name,
      examples: true,
      summary: true,
    });
  }
});

it.each(COMMANDS.map((command) => [command.name, command] as const))('%s can be loaded', async (_name, command) => {
  expect(typeof (await command.load()).run).toBe('function');
});

describe('as a process', () => {
  it('answers, and says on stderr what fails', async () => {
    await using hub = await FakeHub.start();
    const good = await hub.spawned(['services', '-o', 'json']);
    expect(good).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(good.out)).toHaveLength(6);
    expect(await hub.spawned(['show', 'nothing'])).toEqual({
      code: 3,
      out: '',
      err: 'error: there is no nothing\n  lab services lists what there is\n',
    });
    expect(await hub.spawned(['status'], { LAB_TOKEN: 'another-token-than-this' })).toMatchObject({ code: 4, out: '' });
    expect(await hub.spawned(['statu'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('did you mean status?'),
    });
    expect(await hub.spawned([])).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining('Usage: lab COMMAND'),
    });
    expect(await hub.spawned(['--version'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^lab \d+\.\d+\.\d+\n$/),
    });
    expect(await hub.spawned(['targets', '('])).toMatchObject({ code: 2 });
  });

  it('finds the hub and the token in the root', async () => {
    await using hub = await FakeHub.start();
    await hub.lab(['status']);
    mkdirSync(join(hub.root, 'state/secure'));
    writeFileSync(join(hub.root, 'state/secure/token'), 'a-token-of-more-than-sixteen\n', { mode: 0o600 });
    writeFileSync(join(hub.root, 'state/hub.json'), JSON.stringify({ url: hub.url, pid: process.pid }));
    expect(await spawned(['nodes'], { LAB_ROOT: hub.root })).toMatchObject({ code: 0, err: '' });
    expect(await spawned(['nodes', '--root', hub.root], {})).toMatchObject({ code: 0, err: '' });
  });

  it('ends without a word when its reader has seen enough', async () => {
    await using hub = await FakeHub.start();
    hub.plane.lines = Array.from({ length: 50_000 }, (_, at) => `line ${at} ${'x'.repeat(100)}`);
    const command = `"${process.execPath}" "${MAIN}" logs ${SERVICE} -n 50000 | head -n 1; echo "\${PIPESTATUS[0]}"`;
    const result = await new Promise<string>((resolve, reject) =>
      execFile('bash', ['-c', command], { env: { ...process.env, ...hub.env() } }, (error, out, err) =>
        error ? reject(error) : resolve(out + err),
      ),
    );
    expect(result).toMatch(/^line 0 x+\n0\n$/);
  });

  it('up in a directory that is not there writes nothing', async () => {
    const repo = join(tmpdir(), `lab-no-fleet-${process.pid}`);
    const { code, err } = await spawned(['up'], { LAB_REPO: repo });
    expect({ code, err }).toEqual({
      code: 3,
      err: `error: there is no fleet in ${repo}\n  name another (LAB_REPO=DIR ./lab up), or write one there: lab new ${repo}\n`,
    });
    expect(existsSync(repo)).toBe(false);
  });

  it('a root without a token says where one is', async () => {
    await using hub = await FakeHub.start();
    const { code, err } = await spawned(['status'], { LAB_URL: hub.url, LAB_ROOT: '/nonexistent' });
    expect(code).toBe(4);
    expect(err).toContain(`error: no token for the hub at ${hub.url} was found\n`);
    expect(err).toContain('LAB_TOKEN');
  });

  it('the daemon of this root is not blamed for another address', async () => {
    await using hub = await FakeHub.start();
    const held = await holdRoot(hub.root);
    writeFileSync(join(hub.root, 'state/hub.json'), JSON.stringify({ url: hub.url, pid: process.pid }));
    const other = await hub.lab(['status'], { env: { LAB_URL: 'http://127.0.0.1:9' } });
    expect(other.err).toContain('no hub answers at http://127.0.0.1:9');
    await held.release();
  });

  it('what matches nothing is not taken for an empty fleet', async () => {
    await using hub = await FakeHub.start();
    hub.plane.fleet.nodes = [];
    expect((await hub.lab(['nodes', 'site=nowhere'])).out).toBe('no node matches\n');
    expect((await hub.lab(['nodes'])).out).toContain('inventory/topology.yaml');
    hub.plane.fleet.services = [];
    expect((await hub.lab(['services', 'site=nowhere'])).out).toBe('no service matches\n');
    expect(await hub.lab(['show', ''])).toMatchObject({ code: 2, err: expect.stringContaining('lab show needs NAME') });
  });

  it('there is no replay of what is to come', async () => {
    await using hub = await FakeHub.start();
    expect(await hub.lab(['replay', '--until', '2999-01-01'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('still to come'),
    });
  });

  it('a stranger on the port is no hub', async () => {
    const server = createServer((_request, response) => response.writeHead(502).end('bad gateway'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const { code, err } = await spawned(['status'], { LAB_PORT: String(port), LAB_ROOT: '/nonexistent' });
    server.close();
    expect({ code, err }).toEqual({
      code: 1,
      err: `error: what answers at http://127.0.0.1:${port} is no hub (HTTP 502)\n  check LAB_URL and LAB_PORT\n`,
    });
  });
});

describe('following', () => {
  it('events come once each, in order, also over a cut', async () => {
    await using hub = await FakeHub.start();
    const lines: number[] = [];
    const port = Number(new URL(hub.url).port);
    const stop = new AbortController();
    const cuts: string[] = [];
    const following = followEvents({
      hub: new Hub({ url: hub.url, token: TOKEN, who: 'x', drawn: true }),
      clock: instantClock,
      filter: {},
      after: 0,
      signal: stop.signal,
      each: (event) => {
        lines.push(event.ord);
        if (event.ord === 4) stop.abort();
      },
      interrupted: (error) => cuts.push(error.code),
    });
    while (lines.length < 2) await new Promise((resolve) => setImmediate(resolve));
    await hub.close();
    hub.plane.push(eventView(3));
    await hub.listen(port);
    hub.plane.push(eventView(4));
    await following;
    expect(lines).toEqual([1, 2, 3, 4]);
    expect(new Set(cuts)).toEqual(new Set(['hub_unreachable']));
  });

  it('a refusal ends it', async () => {
    await using hub = await FakeHub.start();
    expect(await hub.lab(['events', '-f'], { env: { LAB_TOKEN: 'another-token-than-this' } })).toMatchObject({
      code: 4,
    });
    expect(await hub.lab(['logs', 'piha/nothing', '-f'])).toMatchObject({ code: 3, out: '' });
  });
});

describe('people', () => {
  it('stop is followed to its end, and fails with it', async () => {
    await using hub = await FakeHub.start();
    hub.plane.onApproved = ({ id }) => {
      hub.plane.move(id, 'start');
      hub.plane.move(id, 'fail', {
        outcome: { at: REDEPLOY.createdAt, reason: 'timeout', diagnosis: 'it does not listen to SIGTERM' },
      });
    };
    const { code, out, err } = await hub.lab(['stop', SERVICE, '--reason', 'x']);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toBe('■ stop-piha-agent-system failed: timeout\n  it does not listen to SIGTERM\n');
    expect(hub.plane.calls.at(-1)).toMatchObject({
      what: `stop ${SERVICE}`,
      with: { reason: 'x' },
      who: expect.stringMatching(/^ada@/),
    });
  });

  it('of a node out of reach is queued', async () => {
    await using hub = await FakeHub.start();
    hub.plane.fleet.nodes = [nodeView('piha', { state: 'silent' })];
    expect(await hub.lab(['restart', SERVICE])).toMatchObject({ code: 7 });
  });

  it.each([['piha'], ['a/b/c'], ['../x'], ['piha/']])('%s is no service', async (name) => {
    await using hub = await FakeHub.start();
    expect((await hub.lab(['stop', name])).code).toBe(2);
    expect(hub.plane.calls).toEqual([]);
  });

  it('a rejection says until when', async () => {
    await using hub = await FakeHub.start();
    expect(await hub.lab(['reject', REDEPLOY.id, '--reason', 'no', '--for', '2h'])).toMatchObject({ code: 0 });
    expect(hub.plane.calls.at(-1)?.with).toEqual({ reason: 'no', forMs: 7_200_000 });
    expect(await hub.lab(['reject', REDEPLOY.id, '--for', 'long'])).toMatchObject({ code: 2 });
    expect(await hub.lab(['reject', REDEPLOY.id])).toMatchObject({ code: 5 });
  });

  it('an audit that is broken is 1', async () => {
    await using hub = await FakeHub.start();
    hub.plane.auditProblem = 'line 7 does not follow line 6';
    expect(await hub.lab(['audit', 'verify'])).toMatchObject({
      code: 1,
      out: 'the audit is broken: line 7 does not follow line 6\n',
    });
  });
});

describe('validate needs no hub', () => {
  it('problems with their places are 1, and the hub says what stays', async () => {
    await using hub = await FakeHub.start();
    const repo = join(hub.root, 'fleet');
    mkdirSync(join(repo, 'inventory'), { recursive: true });
    writeFileSync(join(repo, 'inventory/topology.yaml'), 'nodes:\n  piha: { site: nowhere }\n');
    const { code, out } = await hub.lab(['validate', '--repo', repo]);
    expect(code).toBe(1);
    expect(out).toMatch(/^inventory\/topology\.yaml:2:\d+ /);
    expect(out).toContain('the running fleet stays at the last good revision 9f31c2e');
    const json = await hub.lab(['validate', '--repo', repo, '-o', 'json'], { env: { LAB_URL: 'http://127.0.0.1:1' } });
    expect(JSON.parse(json.out)).toMatchObject({ revision: null, problems: [{ severity: 'error' }] });
  });
});

it('doctor finds what others may read, and a file in place of the root', async () => {
  await using hub = await FakeHub.start();
  const secure = join(hub.root, 'state/secure');
  mkdirSync(secure, { mode: 0o755 });
  writeFileSync(join(secure, 'token'), 'x', { mode: 0o600 });
  expect(await hub.lab(['doctor'])).toMatchObject({
    code: 0,
    out: expect.stringContaining('others may read it (755)'),
  });
  chmodSync(join(secure, 'token'), 0o644);
  expect(await hub.lab(['doctor'])).toMatchObject({
    code: 1,
    out: expect.stringContaining('others may read it (644)'),
  });
  symlinkSync('/dev/null', join(hub.root, 'file'));
  expect(await hub.lab(['doctor', '--root', join(hub.root, 'file')])).toMatchObject({ code: 1 });
});

it('colours only for a person who wants them', async () => {
  await using hub = await FakeHub.start();
  const colour = '\u001b[';
  expect((await hub.lab(['status'], { columns: 100 })).out).toContain(colour);
  expect((await hub.lab(['status'])).out).not.toContain(colour);
  expect((await hub.lab(['status'], { columns: 100, env: { NO_COLOR: '1' } })).out).not.toContain(colour);
  expect((await hub.lab(['status', '--no-color'], { columns: 100 })).out).not.toContain(colour);
});

it('what came from elsewhere cannot write to the terminal', async () => {
  await using hub = await FakeHub.start();
  hub.plane.put(actionView('redeploy-piha-evil', { why: { ...REDEPLOY.why, text: 'x\u001b]0;owned\u0007' } }));
  for (const argv of [['status'], ['actions', '--why'], ['show', 'redeploy-piha-evil']]) {
    expect((await hub.lab(argv)).out).not.toMatch(/(?!\n)\p{Cc}/u);
  }
});

it('lab new writes a fleet that is valid, and never over another', async () => {
  await using hub = await FakeHub.start();
  const dir = join(hub.root, 'mine');
  const made = await hub.lab(['new', dir, '--node', 'attic']);
  expect(made).toMatchObject({ code: 0, err: '', out: expect.stringContaining(`LAB_REPO=${dir} ./lab up`) });
  expect(await hub.lab(['validate', '--repo', dir])).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^valid: 1 node, 1 service/),
  });
  expect(await hub.lab(['new', dir])).toMatchObject({ code: 5 });
});
