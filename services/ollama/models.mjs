/**
 * Ollama's API in small, on the port `api`: which models there are (models.json), and its version. It runs none of them.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const port = Number(setting('PORT_API'));
const { version, models } = listed();

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return json(response, 405, { error: `${request.method} is not answered here: this runs no models` });
  }
  switch (pathname) {
    case '/':
      response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
      return response.end('Ollama is running');
    case '/api/tags':
      return json(response, 200, { models });
    case '/api/ps':
      return json(response, 200, { models: [] });
    case '/api/version':
      return json(response, 200, { version });
    default:
      return json(response, 404, { error: `there is no ${pathname}` });
  }
});
server.on('error', (error) => fail(`cannot listen on 127.0.0.1:${port}: ${error.message}`));
server.listen(port, '127.0.0.1', () => say(`lists ${models.length} models on http://127.0.0.1:${port}`));
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    say(`${signal}: stopping`);
    server.close(() => process.exit(0));
    server.closeAllConnections();
  });
}

function listed() {
  try {
    return JSON.parse(readFileSync(new URL('models.json', import.meta.url), 'utf8'));
  } catch (error) {
    return fail(`cannot read models.json: ${error.message}`);
  }
}

function json(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(value));
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
