/**
 * The cabin's MQTT broker in small: MQTT 3.1.1 on the port `mqtt`, retained messages survive a restart.
 *
 * `retained.json` in LAB_DATA is replaced whole (written aside, synced, renamed), at most once in SAVE_MS; what was retained in
 * the last moment before a `kill -9` may be lost, as it may be with Mosquitto's autosave. Listens on loopback only.
 */
import { open, readFile, rename } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const SAVE_MS = 200;
const STOP_MS = 2_000;

const port = Number(setting('PORT_MQTT'));
const file = join(setting('LAB_DATA'), 'retained.json');
const modules = createRequire(`${setting('LAB_MODULES')}/`);
const { Aedes } = await import(pathToFileURL(modules.resolve('aedes')).href);

/** Topic -> {qos, payload in base64}. */
const retained = new Map();
let dirty = false;
let saving = Promise.resolve();
let timer;

const broker = await Aedes.createBroker();
await restore();
broker.on('publish', (packet) => {
  if (!packet.retain || packet.topic.startsWith('$SYS/')) return;
  if (packet.payload.length === 0) retained.delete(packet.topic);
  else retained.set(packet.topic, { qos: packet.qos, payload: Buffer.from(packet.payload).toString('base64') });
  dirty = true;
  timer ??= setTimeout(save, SAVE_MS);
});
broker.on('client', (client) => say(`client ${client.id} connected`));
broker.on('clientDisconnect', (client) => say(`client ${client.id} left`));
broker.on('clientError', (client, error) => say(`client ${client.id}: ${error.message}`));
broker.on('connectionError', (_, error) => say(`a connection was refused: ${error.message}`));

const server = createServer(broker.handle);
server.on('error', (error) => fail(`cannot listen on 127.0.0.1:${port}: ${error.message}`));
server.listen(port, '127.0.0.1', () => say(`speaks MQTT on 127.0.0.1:${port}, ${retained.size} retained messages`));
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, stop);

async function restore() {
  let text;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return;
    fail(`cannot read ${file}: ${error.message}`);
  }
  try {
    for (const { topic, qos, payload } of JSON.parse(text)) retained.set(topic, { qos, payload });
  } catch (error) {
    retained.clear();
    await rename(file, `${file}.broken`);
    say(`${file} cannot be read (${error.message}); it was moved to ${file}.broken, starting with none`);
  }
  for (const [topic, { qos, payload }] of retained) {
    const packet = { cmd: 'publish', topic, qos, payload: Buffer.from(payload, 'base64'), retain: true, dup: false };
    await new Promise((resolve, reject) => broker.publish(packet, (error) => (error ? reject(error) : resolve())));
  }
}

function save() {
  timer = undefined;
  saving = saving.then(async () => {
    if (!dirty) return;
    dirty = false;
    try {
      const lines = [...retained].map(([topic, message]) => JSON.stringify({ topic, ...message }));
      const aside = await open(`${file}.new`, 'w');
      await aside.writeFile(`[\n${lines.join(',\n')}\n]\n`);
      await aside.datasync();
      await aside.close();
      await rename(`${file}.new`, file);
    } catch (error) {
      dirty = true;
      timer ??= setTimeout(save, 10 * SAVE_MS);
      process.stderr.write(`cannot keep the retained messages in ${file}: ${error.message}\n`);
    }
  });
  return saving;
}

async function stop(signal) {
  say(`${signal}: stopping`);
  setTimeout(() => fail('did not stop in time'), STOP_MS).unref();
  server.close();
  await new Promise((resolve) => broker.close(resolve));
  clearTimeout(timer);
  await save();
  process.exit(0);
}

function setting(name) {
  return process.env[name] || fail(`${name} is not set`);
}

function say(text) {
  process.stdout.write(`${new Date().toISOString()} ${text}\n`);
}

function fail(text) {
  process.stderr.write(`${text}\n`);
  process.exit(1);
}
