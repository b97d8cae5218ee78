/**
 * Zigbee2MQTT in small: a bridge between the devices in devices.json, which are simulated, and the node's own broker.
 *
 * Publishes as the real one does: `bridge/state` (retained, its last will says offline), `bridge/info`, `bridge/devices`, and each
 * device's state; takes commands on `<device>/set`. The broker's port is looked up anew for each try. `/health` on the port
 * `frontend` is 200 only while the broker answers.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5_000;
const STOP_MS = 2_000;

const node = setting('LAB_NODE');
const port = Number(setting('PORT_FRONTEND'));
const portsFile = setting('LAB_PORTS');
const stateFile = join(setting('LAB_DATA'), 'state.json');
const mqtt = createRequire(`${setting('LAB_MODULES')}/`)('mqtt');
const config = configured();
const base = config.mqtt.base_topic;
const devices = Object.entries(config.devices).map(([address, device]) => ({ address, ...device }));
const states = new Map(devices.map((device) => [device.friendly_name, firstState(device)]));
recallStates();
keepStates();

let client;
let connected = false;
let problem = 'not connected yet';
let retryMs = FIRST_RETRY_MS;
let stopping = false;

const frontend = createServer(answer);
frontend.on('error', (error) => fail(`cannot listen on 127.0.0.1:${port}: ${error.message}`));
frontend.listen(port, '127.0.0.1', () => {
  say(`frontend on http://127.0.0.1:${port}, ${devices.length} devices`);
  connect();
});
setInterval(() => {
  for (const device of devices) {
    drift(device);
    publishState(device.friendly_name);
  }
}, config.advanced.interval * 1_000);
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, stop);

function connect() {
  let brokerPort;
  try {
    brokerPort = JSON.parse(readFileSync(portsFile, 'utf8'))[`${node}/mosquitto`]?.mqtt;
  } catch (error) {
    return lost(`cannot read ${portsFile}: ${error.message}`);
  }
  if (brokerPort === undefined) return lost(`${portsFile} has no port mqtt of ${node}/mosquitto`);
  const current = mqtt.connect(`mqtt://127.0.0.1:${brokerPort}`, {
    protocolVersion: 4,
    clientId: `${base}-${node}`,
    reconnectPeriod: 0,
    connectTimeout: 5_000,
    keepalive: 10,
    will: { topic: `${base}/bridge/state`, payload: '{"state":"offline"}', qos: 1, retain: true },
  });
  client = current;
  let reason = `the broker on 127.0.0.1:${brokerPort} closed the connection`;
  current.on('error', (error) => {
    reason = `no broker on 127.0.0.1:${brokerPort}: ${error.message || error.code}`;
  });
  current.on('connect', () => {
    connected = true;
    problem = undefined;
    retryMs = FIRST_RETRY_MS;
    say(`connected to the broker on 127.0.0.1:${brokerPort}`);
    current.subscribe(`${base}/+/set`);
    publish('bridge/info', { version: '2.1.0', network: { channel: config.advanced.channel }, serial: config.serial });
    publish('bridge/devices', devices.map(described));
    for (const name of states.keys()) publishState(name);
    publish('bridge/state', { state: 'online' });
  });
  current.on('message', (topic, payload) => command(topic.slice(base.length + 1, -'/set'.length), payload));
  current.on('close', () => {
    current.removeAllListeners();
    // What is still under way may fail after this; that it was lost is known already.
    current.on('error', () => {});
    current.end(true);
    lost(reason);
  });
}

function lost(reason) {
  connected = false;
  if (stopping) return;
  if (reason !== problem) say(`${reason}; will try again`);
  problem = reason;
  setTimeout(connect, retryMs * (0.8 + Math.random() * 0.4));
  retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
}

function publish(topic, value) {
  if (connected) client.publish(`${base}/${topic}`, JSON.stringify(value), { qos: 1, retain: true }, () => {});
}

function publishState(name) {
  publish(name, { ...states.get(name), last_seen: new Date().toISOString() });
}

function command(name, payload) {
  const device = devices.find((one) => one.friendly_name === name);
  if (!device) return say(`a command for ${name}, which is no device here`);
  let wanted;
  try {
    wanted = JSON.parse(payload.toString());
  } catch {
    return say(`a command for ${name} that is not JSON`);
  }
  for (const [key, value] of Object.entries(wanted ?? {})) {
    if (!Object.hasOwn(device.values, key) || !device.values[key].set?.includes(value)) {
      say(`${name} cannot be set to ${key}=${value}`);
      continue;
    }
    states.get(name)[key] = value;
    say(`${name} set to ${key}=${value}`);
  }
  keepStates();
  publishState(name);
}

/** What the radio would report: each number walks within its bounds. */
function drift(device) {
  const state = states.get(device.friendly_name);
  for (const [key, { step, min, max }] of Object.entries(device.values)) {
    if (step === undefined) continue;
    const next = state[key] + (Math.random() * 2 - 1) * step;
    state[key] = Math.round(Math.min(max, Math.max(min, next)) * 100) / 100;
  }
}

function firstState(device) {
  return Object.fromEntries(Object.entries(device.values).map(([key, { start }]) => [key, start]));
}

/** The states of the last run, where there was one. */
function recallStates() {
  let last = {};
  try {
    last = JSON.parse(readFileSync(stateFile, 'utf8'));
  } catch {
    // None yet, or cut off by a crash: the devices say it anew.
  }
  for (const [name, state] of states) {
    for (const key of Object.keys(state)) {
      const before = last?.[name]?.[key];
      if (typeof before === typeof state[key]) state[key] = before;
    }
  }
}

/** Needs, as the real one does, a place where it may write. */
function keepStates() {
  try {
    writeFileSync(stateFile, JSON.stringify(Object.fromEntries(states)));
  } catch (error) {
    fail(`cannot write ${stateFile}: ${error.message}`);
  }
}

function described({ address, friendly_name, vendor, model, description }) {
  return { ieee_address: address, type: 'EndDevice', friendly_name, definition: { vendor, model, description } };
}

function answer(request, response) {
  if (request.url === '/health') {
    response.writeHead(connected ? 200 : 503, { 'content-type': 'application/json' });
    return response.end(JSON.stringify(connected ? { status: 'ok' } : { status: 'no broker', problem }));
  }
  if (request.url !== '/') {
    response.writeHead(404, { 'content-type': 'text/plain' });
    return response.end('There is only / and /health here.\n');
  }
  const rows = [...states].map(([name, state]) => {
    const values = Object.entries(state).map(([key, value]) => `${key} ${value}`);
    return `<tr><td>${escaped(name)}<td>${escaped(values.join(' · '))}`;
  });
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
  response.end(`<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>zigbee2mqtt on ${escaped(node)}</title>
<style>:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:44rem;padding:0 1rem}
td{padding:.4rem 1rem .4rem 0;vertical-align:top}</style>
<h1>zigbee2mqtt on ${escaped(node)}</h1><p>${connected ? 'Connected to the broker.' : `No broker: ${escaped(problem)}`}</p>
<table>${rows.join('\n')}</table>
`);
}

function stop(signal) {
  say(`${signal}: stopping`);
  stopping = true;
  setTimeout(() => process.exit(0), STOP_MS).unref();
  frontend.close();
  frontend.closeAllConnections();
  keepStates();
  if (!connected) process.exit(0);
  client.publish(`${base}/bridge/state`, '{"state":"offline"}', { qos: 1, retain: true }, () => {
    client.end(false, {}, () => process.exit(0));
  });
}

function configured() {
  try {
    return JSON.parse(readFileSync(new URL('devices.json', import.meta.url), 'utf8'));
  } catch (error) {
    return fail(`cannot read devices.json: ${error.message}`);
  }
}

function escaped(text) {
  return String(text).replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
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
