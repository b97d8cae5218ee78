import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttp } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Healthcheck, healthcheckSchema, type ServiceSpec } from '@lab/sdk';
import { processSpec, RealClock } from '@lab/sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Finding, probeOf, withDeadline } from './probe.ts';

let dir: string;
const closing: (() => Promise<unknown> | unknown)[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lab-probe-'));
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await rm(dir, { recursive: true, force: true });
});

function specWith(ports: Record<string, number> = {}): ServiceSpec {
  const spec = processSpec('web', { command: ['sleep'], ports, env: { OWN: 'own' } });
  return { ...spec, bundleDir: dir, env: { PORT_HTTP: '8123' } };
}

function ask(
  check: Parameters<typeof healthcheckSchema.parse>[0],
  spec = specWith(),
  ended?: AbortSignal,
): Promise<Finding> {
  const parsed: Healthcheck = healthcheckSchema.parse(check);
  const never = new AbortController().signal;
  return withDeadline(new RealClock(), parsed.timeout * 1000, ended ?? never, probeOf(spec, parsed));
}

async function listening(server: ReturnType<typeof createServer>): Promise<number> {
  closing.push(() => new Promise((done) => void server.close(done)));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return (server.address() as AddressInfo).port;
}

const sh = (script: string) => ({ command: ['sh', '-c', script] });

describe('a command', () => {
  it('is healthy with status 0, in the folder and environment of its service', async () => {
    expect(await ask(sh(`[ "$PWD" = "${dir}" ] && [ "$OWN$PORT_HTTP" = own8123 ]`))).toEqual({ ok: true });
  });

  it('is a file of the bundle where it has a slash', async () => {
    await writeFile(join(dir, 'check.sh'), '#!/bin/sh\nexit 0\n');
    await chmod(join(dir, 'check.sh'), 0o755);
    expect(await ask({ command: ['./check.sh'] })).toEqual({ ok: true });
  });

  it('tells what it printed, or else how it ended', async () => {
    expect(await ask(sh('echo one; echo two >&2; exit 3'))).toMatchObject({ ok: false, output: 'one\ntwo' });
    expect(await ask(sh('exit 3'))).toEqual({ ok: false, output: 'exited with status 3' });
    expect(await ask(sh('kill -9 $$'))).toEqual({ ok: false, output: 'was ended by SIGKILL' });
    expect(await ask({ command: ['no-such-program'] })).toMatchObject({
      ok: false,
      output: expect.stringContaining('cannot run the check'),
    });
  });

  it('of endless output keeps the end', async () => {
    const found = await ask({ ...sh('head -c 300000 /dev/zero | tr "\\0" x; sleep 0.1; echo; echo the end; exit 1') });
    expect(found).toMatchObject({ ok: false });
    if (found.ok) return;
    expect(found.output.length).toBeLessThanOrEqual(2_000);
    expect(found.output.endsWith('the end')).toBe(true);
  });

  it('is killed with what it started when its time is over', async () => {
    const found = await ask({ ...sh('sleep 600 & echo $! > pid; wait'), timeout: 0.3 });
    expect(found).toEqual({ ok: false, output: 'no answer within 0.3 s' });
    const pid = Number(await readFile(join(dir, 'pid'), 'utf8'));
    const state = async () => /\) (.)/.exec(await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => ') Z'))?.[1];
    for (let tries = 0; (await state()) !== 'Z' && tries < 100; tries++)
      await new Promise((done) => setTimeout(done, 10));
    expect(await state()).toBe('Z');
  });

  it('does not wait for a grandchild that keeps its output open', async () => {
    const began = performance.now();
    expect(await ask(sh('sleep 2 & exit 0'))).toEqual({ ok: true });
    expect(performance.now() - began).toBeLessThan(1_500);
  });
});

describe('a request', () => {
  const http = { http: { port: 'http', path: '/health' }, timeout: 0.3 };

  async function answering(status: number, body = ''): Promise<ServiceSpec> {
    const server = createHttp((request, response) => {
      response.writeHead(request.url === '/health' ? status : 404, { location: '/elsewhere' }).end(body);
    });
    return specWith({ http: await listening(server) });
  }

  it.each([200, 204, 302])('is healthy with %d', async (status) => {
    expect(await ask(http, await answering(status))).toEqual({ ok: true });
  });

  it('tells status and body', async () => {
    const found = await ask(http, await answering(503, `no database ${'x'.repeat(1_000_000)}`));
    expect(found).toMatchObject({ ok: false });
    expect(!found.ok && found.output.length).toBeLessThan(100_000);
    expect(await ask(http, await answering(500, 'no database'))).toEqual({
      ok: false,
      output: 'GET /health answered 500: no database',
    });
  });

  it('tells that nobody answers', async () => {
    const deaf = createServer(() => undefined);
    const port = await listening(deaf);
    deaf.on('connection', (socket) => closing.unshift(() => socket.destroy()));
    expect(await ask(http, specWith({ http: port }))).toEqual({ ok: false, output: 'no answer within 0.3 s' });
    expect(await ask(http, specWith({ http: 1 }))).toEqual({ ok: false, output: 'connection refused' });
  });

  it('survives one who speaks no HTTP', async () => {
    const port = await listening(createServer((socket) => socket.resume().end(Buffer.from([0, 1, 2, 255]))));
    expect(await ask(http, specWith({ http: port }))).toMatchObject({ ok: false });
  });

  it('on a port that the service does not have is never healthy', async () => {
    expect(await ask(http)).toEqual({ ok: false, output: 'the service has no port named "http"' });
  });
});

describe('a connection', () => {
  const tcp = { tcp: { port: 'mqtt' }, timeout: 0.3 };

  it('is healthy once it stands', async () => {
    const port = await listening(createServer((socket) => socket.on('error', () => undefined)));
    expect(await ask(tcp, specWith({ mqtt: port }))).toEqual({ ok: true });
    expect(await ask(tcp, specWith({ mqtt: 1 }))).toEqual({ ok: false, output: 'connection refused' });
  });

  it('ends with the watch', async () => {
    expect(await ask(tcp, specWith({ mqtt: 1 }), AbortSignal.abort())).toMatchObject({ ok: false });
  });
});
