/**
 * The three ways to ask an instance how it is: a command, an HTTP request, a TCP connection. Each answers, whatever happens; the
 * deadline is kept for them (`withDeadline`), and what still runs when it passes is ended.
 */
import { spawn } from 'node:child_process';
import { request } from 'node:http';
import { connect } from 'node:net';
import { delimiter, dirname, resolve } from 'node:path';
import { type Clock, type Healthcheck, messageOf, type ServiceSpec, systemCode } from '@lab/sdk';

export type Finding = { readonly ok: true } | { readonly ok: false; readonly output: string };
/** Ends what it does when the signal aborts; may reject. */
export type Probe = (signal: AbortSignal) => Promise<Finding>;

/** Nodes of one machine answer here; a service that listens elsewhere only is reached by nobody through its named port. */
const HOST = '127.0.0.1';
const OUTPUT_LENGTH = 2_000;
const PASSED_ON = ['HOME', 'LANG', 'TZ', 'USER', 'TMPDIR'] as const;

export function probeOf(spec: ServiceSpec, check: Healthcheck): Probe {
  const { command, http, tcp } = check;
  if (command !== undefined) return (signal) => runCommand(spec, command, signal);
  if (http !== undefined) return onPort(spec, http.port, (port, signal) => getHttp(port, http.path, signal));
  return onPort(spec, tcp?.port ?? '', connectTcp);
}

/** Resolves in any case: a rejection is a finding, too late is a finding. */
export async function withDeadline(
  clock: Clock,
  timeoutMs: number,
  ended: AbortSignal,
  probe: Probe,
): Promise<Finding> {
  const deadline = new AbortController();
  const late = Promise.withResolvers<Finding>();
  const timer = clock.after(timeoutMs, () => {
    late.resolve({ ok: false, output: `no answer within ${timeoutMs / 1000} s` });
    deadline.abort();
  });
  try {
    const asked = probe(AbortSignal.any([ended, deadline.signal]));
    return await Promise.race([asked.catch((cause: unknown) => failed(describe(cause))), late.promise]);
  } finally {
    timer.cancel();
  }
}

function onPort(spec: ServiceSpec, name: string, ask: (port: number, signal: AbortSignal) => Promise<Finding>): Probe {
  const port = spec.ports[name];
  return port === undefined
    ? () => Promise.resolve(failed(`the service has no port named "${name}"`))
    : (signal) => ask(port, signal);
}

function getHttp(port: number, path: string, signal: AbortSignal): Promise<Finding> {
  return new Promise((done, fail) => {
    const asked = request(
      { host: HOST, port, path, agent: false, signal, headers: { connection: 'close' } },
      (answer) => {
        const status = answer.statusCode ?? 0;
        let body = '';
        const end = (): void => {
          asked.destroy();
          done(failed(`GET ${path} answered ${status}${body === '' ? '' : `: ${tail(body)}`}`));
        };
        if (status >= 200 && status < 400) {
          asked.destroy();
          done({ ok: true });
          return;
        }
        answer.setEncoding('utf8');
        answer.on('data', (text: string) => {
          body += text;
          if (body.length > OUTPUT_LENGTH) end();
        });
        answer.once('end', end);
        answer.once('error', end);
      },
    );
    asked.on('error', fail);
    asked.end();
  });
}

function connectTcp(port: number, signal: AbortSignal): Promise<Finding> {
  return new Promise((done, fail) => {
    const socket = connect({ host: HOST, port, signal });
    socket.once('connect', () => {
      socket.destroy();
      done({ ok: true });
    });
    socket.on('error', fail);
  });
}

/** In the environment and folder of its service, in a group of its own, which is killed when the signal aborts. */
function runCommand(spec: ServiceSpec, command: readonly string[], signal: AbortSignal): Promise<Finding> {
  return new Promise((done, fail) => {
    const [program = '', ...args] = command;
    const child = spawn(program.includes('/') ? resolve(spec.bundleDir, program) : program, args, {
      cwd: spec.bundleDir,
      env: commandEnv(spec),
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const keep = (text: string): void => {
      output = (output + text).slice(-OUTPUT_LENGTH);
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', keep);
    const kill = (): void => {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) killGroup(child.pid);
    };
    const finish = (exitCode: number | null, endedBy: string | null): void => {
      signal.removeEventListener('abort', kill);
      // A grandchild may hold the pipes open for ever; nobody reads them any more.
      child.stdout.destroy();
      child.stderr.destroy();
      const how = endedBy === null ? `exited with status ${exitCode}` : `was ended by ${endedBy}`;
      done(exitCode === 0 ? { ok: true } : failed(tail(output) || how));
    };
    signal.addEventListener('abort', kill, { once: true });
    if (signal.aborted) kill();
    child.on('error', fail);
    // What it wrote last may still lie in the pipes when it exits: one turn of the loop takes it out.
    child.once('exit', (exitCode, endedBy) => setImmediate(() => finish(exitCode, endedBy)));
  });
}

function commandEnv(spec: ServiceSpec): Record<string, string> {
  const env: Record<string, string> = {
    PATH: [dirname(process.execPath), process.env.PATH ?? '/usr/bin:/bin'].join(delimiter),
  };
  for (const name of PASSED_ON) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return { ...env, ...spec.definition.process?.env, ...spec.env };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended in between.
  }
}

function describe(cause: unknown): string {
  const code = systemCode(cause);
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code === 'ENOENT') return `cannot run the check: ${messageOf(cause)}`;
  return messageOf(cause);
}

function failed(output: string): Finding {
  return { ok: false, output };
}

function tail(text: string): string {
  return text.trim().slice(-OUTPUT_LENGTH);
}
