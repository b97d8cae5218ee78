/** The programs of the example fleet's services, each as a process of its own, spoken to as their users do. */
import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import { type AddressInfo, connect as connectTo, createServer as createNetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import mqtt, { type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const REPO = resolve(import.meta.dirname, '..');

let dir: string;
let undo: (() => unknown)[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lab-examples-'));
  await mkdir(join(dir, 'world'));
  await setPorts({});
});

afterEach(async () => {
  for (const step of undo.reverse()) await step();
  undo = [];
  await rm(dir, { recursive: true, force: true });
});

describe('mosquitto', () => {
  test('speaks MQTT, and keeps what is retained over a restart', async () => {
    const [port] = await freePorts(1);
    const broker = await run('mosquitto', 'broker.mjs', { PORT_MQTT: port }, /speaks MQTT/);
    const sensor = await client(port);
    const reader = await client(port);
    const heard: string[] = [];
    reader.on('message', (topic, payload) => heard.push(`${topic} ${payload}`));
    await reader.subscribeAsync('cabin/#', { qos: 1 });
    await sensor.publishAsync('cabin/live', 'once', { qos: 1 });
    await sensor.publishAsync('cabin/kept', 'warm', { qos: 1, retain: true });
    await sensor.publishAsync('cabin/binary', Buffer.from([0, 255, 1]), { qos: 1, retain: true });
    await sensor.publishAsync('cabin/gone', 'x', { qos: 1, retain: true });
    await sensor.publishAsync('cabin/gone', '', { qos: 1, retain: true });
    await until(() => heard.length === 5);
    expect(heard.slice(0, 2)).toEqual(['cabin/live once', 'cabin/kept warm']);

    expect(await broker.stop()).toEqual({ code: 0, signal: null });
    await run('mosquitto', 'broker.mjs', { PORT_MQTT: port }, /2 retained messages/);
    expect(await retained(port, 'cabin/#', 2)).toEqual({
      'cabin/kept': Buffer.from('warm'),
      'cabin/binary': Buffer.from([0, 255, 1]),
    });
  });

  test('keeps what is retained over kill -9, and sets a broken file aside', async () => {
    const [port] = await freePorts(1);
    const kept = join(dir, 'data-mosquitto', 'retained.json');
    const broker = await run('mosquitto', 'broker.mjs', { PORT_MQTT: port }, /speaks MQTT/);
    await (await client(port)).publishAsync('a', 'b', { qos: 1, retain: true });
    await until(async () => (await readFile(kept, 'utf8').catch(() => '')).includes('"a"'));
    await broker.stop('SIGKILL');
    const second = await run('mosquitto', 'broker.mjs', { PORT_MQTT: port }, /1 retained messages/);
    await second.stop();
    await writeFile(kept, '[{"topic":');
    const third = await run('mosquitto', 'broker.mjs', { PORT_MQTT: port }, /speaks MQTT/);
    expect(third.output()).toMatch(/moved to .*retained\.json\.broken/);
    expect(await readFile(`${kept}.broken`, 'utf8')).toBe('[{"topic":');
  });
});

describe('zigbee2mqtt', () => {
  test('publishes bridge and devices; its health follows the broker', async () => {
    const [brokerPort, port] = await freePorts(2);
    await setPorts({ 'cabin/mosquitto': { mqtt: brokerPort } });
    const health = (): Promise<number> => get(port, '/health').then((answer) => answer.status);
    const bridge = await run('zigbee2mqtt', 'bridge.mjs', { PORT_FRONTEND: port, LAB_NODE: 'cabin' }, /frontend on/, {
      'devices.json': (text) => text.replace('"interval": 5', '"interval": 0.1'),
    });
    expect(await health()).toBe(503);
    const broker = await run('mosquitto', 'broker.mjs', { PORT_MQTT: brokerPort }, /speaks MQTT/);
    await until(async () => (await health()) === 200);

    const messages = await retained(brokerPort, 'zigbee2mqtt/#', 6);
    const said = (topic: string): unknown => JSON.parse(String(messages[`zigbee2mqtt/${topic}`]));
    expect(said('bridge/state')).toEqual({ state: 'online' });
    expect(said('bridge/info')).toMatchObject({ serial: { port: 'tcp://192.0.2.40:6638' } });
    expect(said('bridge/devices')).toHaveLength(3);
    expect(said('front-door')).toMatchObject({ contact: true, battery: 78 });

    const user = await client(brokerPort);
    const heard: string[] = [];
    user.on('message', (topic, payload) => heard.push(`${topic} ${payload}`));
    await user.subscribeAsync(['zigbee2mqtt/stove-room', 'zigbee2mqtt/heater-plug', 'zigbee2mqtt/bridge/state']);
    await until(() => new Set(heard.filter((line) => line.includes('stove-room'))).size > 2);
    await user.publishAsync('zigbee2mqtt/heater-plug/set', '{"state":"ON"}', { qos: 1 });
    await until(() => heard.some((line) => line.includes('heater-plug') && line.includes('"state":"ON"')));
    expect((await get(port, '/')).body).toContain('heater-plug');

    await broker.stop('SIGKILL');
    await until(async () => (await health()) === 503);
    await run('mosquitto', 'broker.mjs', { PORT_MQTT: brokerPort }, /speaks MQTT/);
    await until(async () => (await health()) === 200);

    await bridge.stop('SIGKILL');
    const will = await until(async () => {
      const state = String((await retained(brokerPort, 'zigbee2mqtt/bridge/state', 1))['zigbee2mqtt/bridge/state']);
      return state.includes('offline') ? state : undefined;
    });
    expect(JSON.parse(will)).toEqual({ state: 'offline' });
  });

  test('finds the broker on another port, and says goodbye when it is stopped', async () => {
    const [first, second, port] = await freePorts(3);
    await setPorts({ 'cabin/mosquitto': { mqtt: first } });
    const bridge = await run('zigbee2mqtt', 'bridge.mjs', { PORT_FRONTEND: port, LAB_NODE: 'cabin' }, /will try again/);
    await run('mosquitto', 'broker.mjs', { PORT_MQTT: second }, /speaks MQTT/);
    await setPorts({ 'cabin/mosquitto': { mqtt: second } });
    await until(async () => (await get(port, '/health')).status === 200);
    expect(await bridge.stop()).toEqual({ code: 0, signal: null });
    const state = await retained(second, 'zigbee2mqtt/bridge/state', 1);
    expect(String(state['zigbee2mqtt/bridge/state'])).toBe('{"state":"offline"}');
  });
});

describe('nginx-proxy-manager', () => {
  const rules = {
    hosts: { 'home.example.org': { upstream: 'piha/agent-system/ui' }, 'off.example.org': { upstream: 'x/y/z' } },
  };

  test('proxies by rule, both ways, and says what is wrong where it cannot', async () => {
    const [http, admin] = await freePorts(2);
    const seen: string[] = [];
    const upstream = createServer(async (incoming, answer) => {
      seen.push(
        `${incoming.method} ${incoming.url} ${incoming.headers['x-forwarded-for']} ${incoming.headers['x-forwarded-host']}`,
      );
      answer.writeHead(201, { 'x-upstream': 'yes' });
      for await (const chunk of incoming) answer.write(String(chunk).toUpperCase());
      answer.end();
    });
    upstream.on('upgrade', (_, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\n');
      socket.pipe(socket);
      undo.push(() => socket.destroy());
    });
    await setPorts({ 'piha/agent-system': { ui: await listening(upstream) } });
    const proxy = await run(
      'nginx-proxy-manager',
      'proxy.mjs',
      { PORT_HTTP: http, PORT_ADMIN: admin },
      /proxies 2 hosts/,
      {
        'rules.json': () => JSON.stringify(rules),
      },
    );

    const big = 'lab'.repeat(200_000);
    const answer = await get(http, '/a?b=c', { method: 'POST', host: 'Home.example.org:80', body: big });
    expect(answer.status).toBe(201);
    expect(answer.headers['x-upstream']).toBe('yes');
    expect(answer.body === big.toUpperCase()).toBe(true);
    expect(seen).toEqual(['POST /a?b=c 127.0.0.1 Home.example.org:80']);

    expect(await get(http, '/', { host: 'other.example.org' })).toMatchObject({
      status: 404,
      body: expect.stringMatching(/other\.example\.org/),
    });
    expect(await get(http, '/', { host: 'off.example.org' })).toMatchObject({
      status: 502,
      body: expect.stringMatching(/x\/y\/z has no port/),
    });
    expect(await get(admin, '/health')).toMatchObject({ status: 200 });
    expect(JSON.parse((await get(admin, '/')).body)).toEqual(rules);

    expect(await echoed(http, 'home.example.org', 'hello')).toBe('hello');

    await new Promise((done) => {
      upstream.close(done);
      upstream.closeAllConnections();
    });
    expect(await get(http, '/', { host: 'home.example.org' })).toMatchObject({
      status: 502,
      body: expect.stringMatching(/does not answer/),
    });
    const moved = createServer((_, back) => back.end('moved'));
    await setPorts({ 'piha/agent-system': { ui: await listening(moved) } });
    expect(await get(http, '/', { host: 'home.example.org' })).toMatchObject({ status: 200, body: 'moved' });
    expect(await proxy.stop()).toEqual({ code: 0, signal: null });
  });
});

describe('agent-system', () => {
  test('shows the world, its age, and what is not there', async () => {
    const [port] = await freePorts(1);
    const ui = await run('agent-system', 'ui.mjs', { PORT_UI: port, LAB_NODE: 'piha' }, /shows/);
    const page = async (): Promise<string> => (await get(port, '/')).body;
    expect(await page()).toContain('nodes.json is not there yet');
    expect(await get(port, '/world/nodes.json')).toMatchObject({ status: 404 });

    await print('nodes', { piha: { state: 'connected' } });
    await print('services', [
      { node: 'piha', name: 'agent-system', health: 'healthy' },
      { node: 'vps', name: '<script>', health: 'unhealthy' },
    ]);
    await print('summary', { revision: '9f31c2e', actions: { pending: 2 } });
    const shown = await page();
    expect(shown).toContain('1 of 2 services are well.');
    expect(shown).toContain('piha/agent-system<td class="ok">● healthy');
    expect(shown).toContain('■ unhealthy');
    expect(shown).toContain('actions pending<td>2');
    expect(shown).not.toContain('<script>');
    expect(shown).not.toContain('old: as of');
    expect(JSON.parse((await get(port, '/world/nodes.json')).body)).toEqual({ piha: { state: 'connected' } });

    const hourAgo = new Date(Date.now() - 3_600_000);
    await utimes(join(dir, 'world/nodes.json'), hourAgo, hourAgo);
    expect(await page()).toContain('old: as of 1 h ago');
    await writeFile(join(dir, 'world/summary.json'), '{"cut');
    expect(await page()).toContain('summary.json is not JSON');
    const health = await get(port, '/health');
    expect(health.status).toBe(200);
    expect(JSON.parse(health.body)).toMatchObject({ status: 'ok', world: { summary: { problem: 'is not JSON' } } });
    expect(await ui.stop()).toEqual({ code: 0, signal: null });
  });

  test('gives out nothing from outside of the world', async () => {
    const [port] = await freePorts(1);
    await writeFile(join(dir, 'secret.json'), '"secret"');
    await mkdir(join(dir, 'worldly'));
    await writeFile(join(dir, 'worldly/secret.json'), '"secret"');
    await symlink(join(dir, 'secret.json'), join(dir, 'world/link.json'));
    await run('agent-system', 'ui.mjs', { PORT_UI: port, LAB_NODE: 'piha' }, /shows/);
    for (const path of [
      '/world/../secret.json',
      '/world/%2e%2e/secret.json',
      '/world/..%2fsecret.json',
      '/world/link.json',
      '/world//../secret.json',
      '/world/../worldly/secret.json',
      `/world/${join(dir, 'secret')}.json`,
    ]) {
      const answer = await get(port, path);
      expect(answer).toMatchObject({ status: 404 });
      expect(answer.body).not.toContain('"secret"');
    }
  });
});

test('ollama lists its models', async () => {
  const [port] = await freePorts(1);
  const ollama = await run('ollama', 'models.mjs', { PORT_API: port }, /lists 2 models/);
  expect(await get(port, '/')).toMatchObject({ status: 200, body: 'Ollama is running' });
  const tags = JSON.parse((await get(port, '/api/tags')).body);
  expect(tags.models.map((model: { name: string }) => model.name)).toEqual(['llama3.2:3b', 'nomic-embed-text:latest']);
  expect(JSON.parse((await get(port, '/api/version')).body).version).toMatch(/^\d+\.\d+\.\d+$/);
  expect(await get(port, '/api/nothing')).toMatchObject({ status: 404 });
  expect(await ollama.stop()).toEqual({ code: 0, signal: null });
});

test.each([
  ['mosquitto', 'broker.mjs', ['PORT_MQTT']],
  ['zigbee2mqtt', 'bridge.mjs', ['PORT_FRONTEND']],
  ['nginx-proxy-manager', 'proxy.mjs', ['PORT_HTTP', 'PORT_ADMIN']],
  ['agent-system', 'ui.mjs', ['PORT_UI']],
  ['ollama', 'models.mjs', ['PORT_API']],
])('%s ends with a clear line where its port is taken, or not given', async (service, file, names) => {
  const port = await listening(createServer());
  const taken = await start(service, file, Object.fromEntries(names.map((name) => [name, port])));
  expect(await taken.ended).toEqual({ code: 1, signal: null });
  expect(taken.errors()).toMatch(new RegExp(`^cannot listen on 127\\.0\\.0\\.1:${port}: .*EADDRINUSE.*\n$`));
  const missing = await start(service, file, {});
  expect(await missing.ended).toEqual({ code: 1, signal: null });
  expect(missing.errors()).toMatch(/^PORT_[A-Z]+ is not set\n$/);
});

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

interface Program {
  readonly ended: Promise<Ended>;
  output(): string;
  errors(): string;
  stop(signal?: NodeJS.Signals): Promise<Ended>;
}

type Edits = Readonly<Record<string, (text: string) => string>>;

/** Starts a program as the `process` runtime does: in a copy of its folder, with the environment that it may rely on. */
async function start(
  service: string,
  file: string,
  env: Record<string, string | number | undefined>,
  edits: Edits = {},
): Promise<Program> {
  const cwd = join(dir, `bundle-${service}`);
  const data = join(dir, `data-${service}`);
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
      LAB_WORLD: join(dir, 'world'),
      LAB_PORTS: join(dir, 'ports.json'),
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
  undo.push(() => stop('SIGKILL'));
  return { ended, output, errors, stop };
}

async function run(
  service: string,
  file: string,
  env: Record<string, string | number | undefined>,
  ready: RegExp,
  edits?: Edits,
): Promise<Program> {
  const program = await start(service, file, env, edits);
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

function collected(stream: ChildProcess['stdout']): () => string {
  let text = '';
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return () => text;
}

/** Polls real processes, which no fake clock drives. */
async function until<T>(check: () => T | Promise<T>, timeoutMs = 15_000): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${check}`);
    await wait(20);
  }
}

async function client(port: number | undefined): Promise<MqttClient> {
  const connected = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 4, reconnectPeriod: 0 });
  connected.on('error', () => {});
  undo.push(() => connected.endAsync(true));
  return connected;
}

/** Payloads of the first `count` retained messages that a new subscriber gets. */
async function retained(port: number | undefined, filter: string, count: number): Promise<Record<string, Buffer>> {
  const reader = await client(port);
  const messages: Record<string, Buffer> = {};
  reader.on('message', (topic, payload, packet) => {
    if (packet.retain) messages[topic] = payload;
  });
  await reader.subscribeAsync(filter, { qos: 1 });
  await until(() => Object.keys(messages).length >= count);
  return messages;
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: string;
}

function get(
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

/** What comes back over an upgraded connection. */
function echoed(port: number | undefined, host: string, text: string): Promise<string> {
  return new Promise((done, failed) => {
    const socket = connectTo(port ?? 0, '127.0.0.1', () => {
      socket.write(`GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n`);
    });
    undo.push(() => socket.destroy());
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

async function listening(server: Server): Promise<number> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  undo.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

async function freePorts(count: number): Promise<number[]> {
  const held = Array.from({ length: count }, () => createNetServer());
  await Promise.all(held.map((server) => new Promise<void>((done) => server.listen(0, '127.0.0.1', done))));
  const ports = held.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(held.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

async function setPorts(ports: Record<string, Record<string, number | undefined>>): Promise<void> {
  await writeFile(join(dir, 'ports.json'), JSON.stringify(ports));
}

async function print(name: string, value: unknown): Promise<void> {
  await writeFile(join(dir, 'world', `${name}.json`), JSON.stringify(value));
}
