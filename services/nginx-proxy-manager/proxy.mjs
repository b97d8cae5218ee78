/**
 * The public entrance in small: on the port `http` each request goes to the upstream that rules.json names for its Host, on the
 * port `admin` are the rules and `/health`.
 *
 * An upstream is `node/service/port`; its number is looked up for each request, so that it may change. Bodies are streamed, upgraded
 * connections (WebSocket) too. Hop-by-hop headers end here (RFC 9110 §7.6.1).
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { request as ask, createServer } from 'node:http';
import { pipeline } from 'node:stream';

const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'upgrade',
];
const STOP_MS = 2_000;

const portsFile = setting('LAB_PORTS');
const httpPort = Number(setting('PORT_HTTP'));
const adminPort = Number(setting('PORT_ADMIN'));
const rules = ruled();

const proxy = createServer(async (request, response) => {
  const way = await wayOf(request);
  if (way.status !== undefined) return refuse(response, way.status, way.text);
  const upstream = ask({ ...way.target, method: request.method, path: request.url, headers: forwarded(request) });
  upstream.on('response', (answer) => {
    const headers = { ...answer.headers };
    for (const name of hopByHop(answer.headers)) delete headers[name];
    response.writeHead(answer.statusCode, answer.statusMessage, headers);
    pipeline(answer, response, () => {});
  });
  upstream.on('error', (error) => {
    if (response.headersSent) return response.destroy();
    refuse(response, 502, `${way.upstream} does not answer (${error.code ?? error.message}). Try again in a moment.`);
  });
  response.on('close', () => upstream.destroy());
  pipeline(request, upstream, () => {});
});

proxy.on('upgrade', async (request, socket, head) => {
  socket.on('error', () => socket.destroy());
  const way = await wayOf(request);
  if (way.status !== undefined) return socket.end(plain(way.status, way.text));
  const headers = { ...forwarded(request), connection: 'upgrade', upgrade: request.headers.upgrade };
  const upstream = ask({ ...way.target, method: request.method, path: request.url, headers });
  upstream.on('upgrade', (answer, far, farHead) => {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${rawHeaders(answer)}\r\n`);
    socket.write(farHead);
    far.write(head);
    pipeline(far, socket, () => {});
    pipeline(socket, far, () => {});
  });
  upstream.on('response', (answer) => {
    answer.resume();
    socket.end(plain(502, `${way.upstream} does not take upgrades (it answered ${answer.statusCode}).`));
  });
  upstream.on('error', (error) => socket.end(plain(502, `${way.upstream} does not answer (${error.code}).`)));
  socket.on('close', () => upstream.destroy());
  upstream.end();
});

const admin = createServer((request, response) => {
  if (request.url === '/health') {
    response.writeHead(200, { 'content-type': 'application/json' });
    return response.end(JSON.stringify({ status: proxy.listening ? 'ok' : 'starting', hosts: rules.size }));
  }
  if (request.url !== '/') return refuse(response, 404, 'There is only / and /health here.');
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify({ hosts: Object.fromEntries(rules) }, null, 2)}\n`);
});

listen(proxy, httpPort, () => {
  listen(admin, adminPort, () => say(`proxies ${rules.size} hosts on 127.0.0.1:${httpPort}, admin on ${adminPort}`));
});
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, stop);

/** Where a request goes, or why nowhere. */
async function wayOf(request) {
  const host = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
  const rule = rules.get(host);
  if (rule === undefined) return { status: 404, text: `No host "${host.slice(0, 253)}" is served here.` };
  const [node, service, name] = rule.upstream.split('/');
  try {
    const port = JSON.parse(await readFile(portsFile, 'utf8'))[`${node}/${service}`]?.[name];
    // Without an agent no connection is kept that the upstream's restart has made useless.
    if (Number.isInteger(port)) return { upstream: rule.upstream, target: { host: '127.0.0.1', port, agent: false } };
    return { status: 502, text: `${rule.upstream} has no port on this machine.` };
  } catch (error) {
    process.stderr.write(`cannot read ${portsFile}: ${error.message}\n`);
    return { status: 502, text: `Where ${rule.upstream} is cannot be found out now.` };
  }
}

function forwarded(request) {
  const headers = { ...request.headers };
  for (const name of hopByHop(request.headers)) delete headers[name];
  const from = request.socket.remoteAddress ?? 'unknown';
  const before = request.headers['x-forwarded-for'];
  headers['x-forwarded-for'] = before === undefined ? from : `${before}, ${from}`;
  headers['x-forwarded-host'] = request.headers.host;
  headers['x-forwarded-proto'] = 'http';
  return headers;
}

function hopByHop(headers) {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  return [...HOP_BY_HOP, ...named.filter((name) => name !== '')];
}

function rawHeaders(answer) {
  let text = '';
  for (let at = 0; at < answer.rawHeaders.length; at += 2) {
    text += `${answer.rawHeaders[at]}: ${answer.rawHeaders[at + 1]}\r\n`;
  }
  return text;
}

function refuse(response, status, text) {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${text}\n`);
}

function plain(status, text) {
  const reason = status === 404 ? 'Not Found' : 'Bad Gateway';
  return `HTTP/1.1 ${status} ${reason}\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n\r\n${text}\n`;
}

function ruled() {
  try {
    const { hosts } = JSON.parse(readFileSync(new URL('rules.json', import.meta.url), 'utf8'));
    for (const [host, { upstream }] of Object.entries(hosts)) {
      if (!/^[^/]+\/[^/]+\/[^/]+$/.test(upstream)) throw new Error(`the upstream of ${host} is not node/service/port`);
    }
    return new Map(Object.entries(hosts).map(([host, rule]) => [host.toLowerCase(), rule]));
  } catch (error) {
    return fail(`cannot use rules.json: ${error.message}`);
  }
}

function listen(server, port, ready) {
  server.on('error', (error) => fail(`cannot listen on 127.0.0.1:${port}: ${error.message}`));
  server.listen(port, '127.0.0.1', ready);
}

function stop(signal) {
  say(`${signal}: stopping`);
  // Requests under way may end; upgraded connections have no end of their own.
  setTimeout(() => process.exit(0), STOP_MS).unref();
  admin.close();
  admin.closeAllConnections();
  proxy.close(() => process.exit(0));
  proxy.closeIdleConnections();
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
