/** The programs of the example fleet's services, each as a process of its own, spoken to as their users do. */
import { mkdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ExampleMachine, freePorts, get, until } from './example-machine.ts';

let machine: ExampleMachine;

beforeEach(async () => {
  machine = await ExampleMachine.make();
});

afterEach(() => machine[Symbol.asyncDispose]());

describe('mosquitto', () => {
  test('speaks MQTT, and keeps what is retained over a restart', async () => {
    const [port] = await freePorts(1);
    const broker = await machine.run('mosquitto', 'broker.mjs', { PORT_MQTT: port }, /speaks MQTT/);
    const sensor = await machine.client(port);
    const reader = await machine.client(port);
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
    await machine.run('mosquitto', 'broker.mjs', { PORT_MQTT: port }, /2 retained messages/);
    expect(await machine.retained(port, 'cabin/#', 2)).toEqual({
      'cabin/kept': Buffer.from('warm'),
      'cabin/binary': Buffer.from([0, 255, 1]),
    });
  });

  test('keeps what is retained over kill -9, and sets a broken file aside', async () => {
    const [port] = await freePorts(1);
    const kept = join(machine.dir, 'data-mosquitto', 'retained.json');
    const broker = await machine.run('mosquitto', 'broker.mjs', { PORT_MQTT: port }, /speaks MQTT/);
    await (await machine.client(port)).publishAsync('a', 'b', { qos: 1, retain: true });
    await until(async () => (await readFile(kept, 'utf8').catch(() => '')).includes('"a"'));
    await broker.stop('SIGKILL');
    const second = await machine.run('mosquitto', 'broker.mjs', { PORT_MQTT: port }, /1 retained messages/);
    await second.stop();
    await writeFile(kept, '[{"topic":');
    const third = await machine.run('mosquitto', 'broker.mjs', { PORT_MQTT: port }, /speaks MQTT/);
    expect(third.output()).toMatch(/moved to .*retained\.json\.broken/);
    expect(await readFile(`${kept}.broken`, 'utf8')).toBe('[{"topic":');
  });
});

describe('zigbee2mqtt', () => {
  test('publishes bridge and devices; its health follows the broker', async () => {
    const [brokerPort, port] = await freePorts(2);
    await machine.setPorts({ 'cabin/mosquitto': { mqtt: brokerPort } });
    const health = (): Promise<number> => get(port, '/health').then((answer) => answer.status);
    const bridge = await machine.run(
      'zigbee2mqtt',
      'bridge.mjs',
      { PORT_FRONTEND: port, LAB_NODE: 'cabin' },
      /frontend on/,
      {
        'devices.json': (text) => text.replace('"interval": 5', '"interval": 0.1'),
      },
    );
    expect(await health()).toBe(503);
    const broker = await machine.run('mosquitto', 'broker.mjs', { PORT_MQTT: brokerPort }, /speaks MQTT/);
    await until(async () => (await health()) === 200);

    const messages = await machine.retained(brokerPort, 'zigbee2mqtt/#', 6);
    const said = (topic: string): unknown => JSON.parse(String(messages[`zigbee2mqtt/${topic}`]));
    expect(said('bridge/state')).toEqual({ state: 'online' });
    expect(said('bridge/info')).toMatchObject({ serial: { port: 'tcp://192.0.2.40:6638' } });
    expect(said('bridge/devices')).toHaveLength(3);
    expect(said('front-door')).toMatchObject({ contact: true, battery: 78 });

    const user = await machine.client(brokerPort);
    const heard: string[] = [];
    user.on('message', (topic, payload) => heard.push(`${topic} ${payload}`));
    await user.subscribeAsync(['zigbee2mqtt/stove-room', 'zigbee2mqtt/heater-plug', 'zigbee2mqtt/bridge/state']);
    await until(() => new Set(heard.filter((line) => line.includes('stove-room'))).size > 2);
    await user.publishAsync('zigbee2mqtt/heater-plug/set', '{"state":"ON"}', { qos: 1 });
    await until(() => heard.some((line) => line.includes('heater-plug') && line.includes('"state":"ON"')));
    expect((await get(port, '/')).body).toContain('heater-plug');

    await broker.stop('SIGKILL');
    await until(async () => (await health()) === 503);
    await machine.run('mosquitto', 'broker.mjs', { PORT_MQTT: brokerPort }, /speaks MQTT/);
    await until(async () => (await health()) === 200);

    await bridge.stop('SIGKILL');
    const will = await until(async () => {
      const state = String(
        (await machine.retained(brokerPort, 'zigbee2mqtt/bridge/state', 1))['zigbee2mqtt/bridge/state'],
      );
      return state.includes('offline') ? state : undefined;
    });
    expect(JSON.parse(will)).toEqual({ state: 'offline' });
  });

  test('finds the broker on another port, and says goodbye when it is stopped', async () => {
    const [first, second, port] = await freePorts(3);
    await machine.setPorts({ 'cabin/mosquitto': { mqtt: first } });
    const bridge = await machine.run(
      'zigbee2mqtt',
      'bridge.mjs',
      { PORT_FRONTEND: port, LAB_NODE: 'cabin' },
      /will try again/,
    );
    await machine.run('mosquitto', 'broker.mjs', { PORT_MQTT: second }, /speaks MQTT/);
    await machine.setPorts({ 'cabin/mosquitto': { mqtt: second } });
    await until(async () => (await get(port, '/health')).status === 200);
    expect(await bridge.stop()).toEqual({ code: 0, signal: null });
    const state = await machine.retained(second, 'zigbee2mqtt/bridge/state', 1);
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
      machine.defer(() => socket.destroy());
    });
    await machine.setPorts({ 'piha/agent-system': { ui: await machine.listening(upstream) } });
    const proxy = await machine.run(
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

    expect(await machine.echoed(http, 'home.example.org', 'hello')).toBe('hello');

    await new Promise((done) => {
      upstream.close(done);
      upstream.closeAllConnections();
    });
    expect(await get(http, '/', { host: 'home.example.org' })).toMatchObject({
      status: 502,
      body: expect.stringMatching(/does not answer/),
    });
    const moved = createServer((_, back) => back.end('moved'));
    await machine.setPorts({ 'piha/agent-system': { ui: await machine.listening(moved) } });
    expect(await get(http, '/', { host: 'home.example.org' })).toMatchObject({ status: 200, body: 'moved' });
    expect(await proxy.stop()).toEqual({ code: 0, signal: null });
  });
});

describe('agent-system', () => {
  test('shows the world, its age, and what is not there', async () => {
    const [port] = await freePorts(1);
    const ui = await machine.run('agent-system', 'ui.mjs', { PORT_UI: port, LAB_NODE: 'piha' }, /shows/);
    const page = async (): Promise<string> => (await get(port, '/')).body;
    expect(await page()).toContain('nodes.json is not there yet');
    expect(await get(port, '/world/nodes.json')).toMatchObject({ status: 404 });

    await machine.print('nodes', { piha: { state: 'connected' } });
    await machine.print('services', [
      { node: 'piha', name: 'agent-system', health: 'healthy' },
      { node: 'vps', name: '<script>', health: 'unhealthy' },
    ]);
    await machine.print('summary', { revision: '9f31c2e', actions: { pending: 2 } });
    const shown = await page();
    expect(shown).toContain('1 of 2 services are well.');
    expect(shown).toContain('piha/agent-system<td class="ok">● healthy');
    expect(shown).toContain('■ unhealthy');
    expect(shown).toContain('actions pending<td>2');
    expect(shown).not.toContain('<script>');
    expect(shown).not.toContain('old: as of');
    expect(JSON.parse((await get(port, '/world/nodes.json')).body)).toEqual({ piha: { state: 'connected' } });

    const hourAgo = new Date(Date.now() - 3_600_000);
    await utimes(join(machine.dir, 'world/nodes.json'), hourAgo, hourAgo);
    expect(await page()).toContain('old: as of 1 h ago');
    await writeFile(join(machine.dir, 'world/summary.json'), '{"cut');
    expect(await page()).toContain('summary.json is not JSON');
    const health = await get(port, '/health');
    expect(health.status).toBe(200);
    expect(JSON.parse(health.body)).toMatchObject({ status: 'ok', world: { summary: { problem: 'is not JSON' } } });
    expect(await ui.stop()).toEqual({ code: 0, signal: null });
  });

  test('gives out nothing from outside of the world', async () => {
    const [port] = await freePorts(1);
    await writeFile(join(machine.dir, 'secret.json'), '"secret"');
    await mkdir(join(machine.dir, 'worldly'));
    await writeFile(join(machine.dir, 'worldly/secret.json'), '"secret"');
    await symlink(join(machine.dir, 'secret.json'), join(machine.dir, 'world/link.json'));
    await machine.run('agent-system', 'ui.mjs', { PORT_UI: port, LAB_NODE: 'piha' }, /shows/);
    for (const path of [
      '/world/../secret.json',
      '/world/%2e%2e/secret.json',
      '/world/..%2fsecret.json',
      '/world/link.json',
      '/world//../secret.json',
      '/world/../worldly/secret.json',
      `/world/${join(machine.dir, 'secret')}.json`,
    ]) {
      const answer = await get(port, path);
      expect(answer).toMatchObject({ status: 404 });
      expect(answer.body).not.toContain('"secret"');
    }
  });
});

test('ollama lists its models', async () => {
  const [port] = await freePorts(1);
  const ollama = await machine.run('ollama', 'models.mjs', { PORT_API: port }, /lists 2 models/);
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
  const port = await machine.listening(createServer());
  const taken = await machine.start(service, file, Object.fromEntries(names.map((name) => [name, port])));
  expect(await taken.ended).toEqual({ code: 1, signal: null });
  expect(taken.errors()).toMatch(new RegExp(`^cannot listen on 127\\.0\\.0\\.1:${port}: .*EADDRINUSE.*\n$`));
  const missing = await machine.start(service, file, {});
  expect(await missing.ended).toEqual({ code: 1, signal: null });
  expect(missing.errors()).toMatch(/^PORT_[A-Z]+ is not set\n$/);
});
