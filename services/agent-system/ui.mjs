/**
 * The node's own web UI in small, on the port `ui`: it shows what is in LAB_WORLD and nothing else, so that it works with no hub and
 * no network. `/world/NAME.json` gives a file as it is; what is absent, unreadable or old is said.
 */
import { readFile, realpath, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join, sep } from 'node:path';
import { ageOf, page } from './page.mjs';

const node = setting('LAB_NODE');
const worldDir = setting('LAB_WORLD');
const port = Number(setting('PORT_UI'));

/** No dots but the last one: no way leads out of the folder. */
const WORLD_PATH = /^\/world\/([A-Za-z0-9_-]+(?:\/[A-Za-z0-9_-]+)*\.json)$/;
const LARGEST = 64 * 1024 * 1024;

const server = createServer(async (request, response) => {
  try {
    await answer(request, response);
  } catch (error) {
    process.stderr.write(`${request.url}: ${error.message}\n`);
    send(response, 500, 'text/plain', 'This page failed. The reason is in the log.\n');
  }
});
server.on('error', (error) => fail(`cannot listen on 127.0.0.1:${port}: ${error.message}`));
server.listen(port, '127.0.0.1', () => say(`shows ${worldDir} on http://127.0.0.1:${port}`));
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    say(`${signal}: stopping`);
    server.close(() => process.exit(0));
    server.closeAllConnections();
  });
}

async function answer(request, response) {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return send(response, 405, 'text/plain', 'Only reading is possible here.\n');
  }
  const path = request.url.split('?')[0];
  if (path === '/') return send(response, 200, 'text/html', page(node, await world(), Date.now()));
  if (path === '/health') return send(response, 200, 'application/json', JSON.stringify(await health()));
  const [, name] = WORLD_PATH.exec(path) ?? [];
  if (name === undefined) return send(response, 404, 'text/plain', 'There is /, /health and /world/NAME.json here.\n');
  const file = await print(name);
  if (file.text === undefined) return send(response, 404, 'text/plain', `${name} ${file.problem}\n`);
  send(response, 200, 'application/json', file.text);
}

async function world() {
  const [nodes, services, summary] = await Promise.all(['nodes.json', 'services.json', 'summary.json'].map(print));
  return { nodes, services, summary };
}

/** Serving is what this does: it is healthy without a world too, and says how old each file is. */
async function health() {
  const now = Date.now();
  const files = Object.entries(await world()).map(([name, file]) => {
    return [
      name,
      file.problem === undefined ? { ageSeconds: Math.round(ageOf(file, now) / 1_000) } : { problem: file.problem },
    ];
  });
  return { status: 'ok', world: Object.fromEntries(files) };
}

/** A file of the world: {text, value, mtimeMs}, with `problem` where it is not all there. */
async function print(name) {
  let text;
  let mtimeMs;
  try {
    const path = await realpath(join(worldDir, name));
    if (!path.startsWith((await realpath(worldDir)) + sep)) return { problem: 'leads out of the world folder' };
    const { size, mtimeMs: changed } = await stat(path);
    if (size > LARGEST) return { problem: 'is too large to show' };
    text = await readFile(path, 'utf8');
    mtimeMs = changed;
  } catch (error) {
    return { problem: error.code === 'ENOENT' ? 'is not there yet' : `cannot be read (${error.code})` };
  }
  try {
    return { text, mtimeMs, value: JSON.parse(text) };
  } catch {
    return { text, mtimeMs, problem: 'is not JSON' };
  }
}

function send(response, status, type, body) {
  response.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
    'x-content-type-options': 'nosniff',
  });
  response.end(body);
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
