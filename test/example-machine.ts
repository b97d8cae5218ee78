/**
 * A machine for the programs of the example fleet: a temporary folder, the environment that the `process` runtime promises, and
 * clients that speak to them. Disposing of it ends every process and connection that came from it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request, type Server } from 'node:http';
import { type AddressInfo, connect as connectTo, createServer as createNetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import mqtt, { type MqttClient } from 'mqtt';

const REPO = resolve(import.meta.dirname, '..');

export class ExampleMachine implements AsyncDisposable {
  readonly dir: string;
  readonly #undo: (() => unknown)[] = [];

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async make(): Promise<ExampleMachine> {
    const machine = new ExampleMachine(await mkdtemp(join(tmpdir(), 'lab-examples-')));
    await mkdir(join(machine.dir, 'world'));
    await machine.setPorts({});
    return machine;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const step of this.#undo.reverse()) await step();
    await rm(this.dir, { recursive: true, force: true });
  }

  /** Does something when the machine is disposed of, last in first out. */
  defer(step: () => unknown): void {
    this.#undo.push(step);
  }

  /** Starts a program as the `process` runtime does: in a copy of its folder, with the environment that it may rely on. */
  async start(
    service: string,
    file: string,
    env: Record<string, string | number | undefined>,
    edits: Edits = {},
  ): Promise<Program> {
    const cwd = join(this.dir, `bundle-${service}`);
    const data = join(this.dir, `data-${service}`);
    await cp(join(REPO, 'services', service), cwd, { recursive: true });
    await mkdir(data, { recursive: true });
    for (const [name, edit] of Object.entries(edits)) {
      await writeFile(join(cwd, name), edit(await readFile(join(cwd, name), 'utf8')));
    }
    const ports = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, String(value)]));
    const child = spawn(process.execPath, [file], {
      cwd,
      env: {
        PATH: process.env.PATH,
        LAB_NODE: 'node',
        LAB_SERVICE: service,
        LAB_DATA: data,
        LAB_WORLD: join(this.dir, 'world'),
        LAB_PORTS: join(this.dir, 'ports.json'),
        LAB_MODULES: REPO,
        ...ports,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = collected(child.stdout);
    const errors = collected(child.stderr);
    const ended = new Promise<Ended>((done) => child.on('close', (code, signal) => done({ code, signal })));
    const stop = (signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> => {
      child.kill(signal);
      return ended;
    };
    this.defer(() => stop('SIGKILL'));
    return { ended, output, errors, stop };
  }

  async run(
    service: string,
    file: string,
    env: Record<string, string | number | undefined>,
    ready: RegExp,
    edits?: Edits,
  ): Promise<Program> {
    const program = await this.start(service, file, env, edits);
    let over = false;
    void program.ended.then(() => {
      over = true;
    });
    await until(() => {
      if (over) throw new Error(`${service} ended: ${program.output()}${program.errors()}`);
      return ready.test(program.output());
    });
    return program;
  }

  async client(port: number | undefined): Promise<MqttClient> {
    const connected = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 4, reconnectPeriod: 0 });
    connected.on('error', () => {});
    this.defer(() => connected.endAsync(true));
    return connected;
  }

  /** Payloads of the first `count` retained messages that a new subscriber gets. */
  async retained(port: number | undefined, filter: string, count: number): Promise<Record<string, Buffer>> {
    const reader = await this.client(port);
    const messages: Record<string, Buffer> = {};
    reader.on('message', (topic, payload, packet) => {
      if (packet.retain) messages[topic] = payload;
    });
    await reader.subscribeAsync(filter, { qos: 1 });
    await until(() => Object.keys(messages).length >= count);
    return messages;
  }

  /** What comes back over an upgraded connection. */
  echoed(port: number | undefined, host: string, text: string): Promise<string> {
    return new Promise((done, failed) => {
      const socket = connectTo(port ?? 0, '127.0.0.1', () => {
        socket.write(`GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n`);
      });
      this.defer(() => socket.destroy());
      socket.on('error', failed);
      let heard = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        if (heard === '') socket.write(text);
        heard += chunk;
        const body = heard.split('\r\n\r\n')[1] ?? '';
        if (!heard.startsWith('HTTP/1.1 101') || body.length < text.length) return;
        done(body);
        // The upstream can close only if the proxy passes this on.
        socket.destroy();
      });
      socket.on('close', () => failed(new Error(`closed after: ${heard}`)));
    });
  }

  async listening(server: Server): Promise<number> {
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    this.defer(() => {
      server.close();
      server.closeAllConnections();
    });
    return (server.address() as AddressInfo).port;
  }

  async setPorts(ports: Record<string, Record<string, number | undefined>>): Promise<void> {
    await writeFile(join(this.dir, 'ports.json'), JSON.stringify(ports));
  }

  async print(name: string, value: unknown): Promise<void> {
    await writeFile(join(this.dir, 'world', `${name}.json`), JSON.stringify(value));
  }
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Program {
  readonly ended: Promise<Ended>;
  output(): string;
  errors(): string;
  stop(signal?: NodeJS.Signals): Promise<Ended>;
}

type Edits = Readonly<Record<string, (text: string) => string>>;

function collected(stream: ChildProcess['stdout']): () => string {
  let text = '';
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return () => text;
}

/** Polls real processes, which no fake clock drives. */
export async function until<T>(check: () => T | Promise<T>, timeoutMs = 15_000): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${check}`);
    await wait(20);
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: string;
}

export function get(
  port: number | undefined,
  path: string,
  options: { method?: string; host?: string; body?: string } = {},
): Promise<Answer> {
  return new Promise((done, failed) => {
    const { method = 'GET', host = 'localhost', body } = options;
    const asked = request(
      { host: '127.0.0.1', port, path, method, headers: { host }, agent: false },
      async (answer) => {
        let text = '';
        for await (const chunk of answer.setEncoding('utf8')) text += chunk;
        done({ status: answer.statusCode ?? 0, headers: answer.headers, body: text });
      },
    );
    asked.on('error', failed);
    asked.end(body);
  });
}

export async function freePorts(count: number): Promise<number[]> {
  const held = Array.from({ length: count }, () => createNetServer());
  await Promise.all(held.map((server) => new Promise<void>((done) => server.listen(0, '127.0.0.1', done))));
  const ports = held.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(held.map((server) => new Promise((done) => server.close(done))));
  return ports;
}
