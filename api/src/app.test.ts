import { problemDocumentSchema } from '@lab/sdk';
import { FakeClock, KeptLog } from '@lab/sdk/testing';
import { describe, expect, it } from 'vitest';
import { FakeControlPlane } from '../testing/fake-control-plane.ts';
import { REDEPLOY } from '../testing/fixtures.ts';
import { createApp } from './app.ts';
import { BODY_LIMIT_BYTES } from './input.ts';
import type { Route } from './route.ts';
import { ROUTES } from './routes.ts';

const TOKEN = 'a-token-of-more-than-sixteen';

function setup() {
  const plane = new FakeControlPlane();
  const log = new KeptLog();
  const app = createApp({ plane, token: TOKEN, version: '0.1.0', clock: new FakeClock(), log });
  const ask = async (path: string, init: RequestInit = {}, headers: Record<string, string> = {}): Promise<Response> =>
    await app.request(path, { ...init, headers: { authorization: `Bearer ${TOKEN}`, ...headers } });
  const post = (path: string, body: unknown, headers = {}): Promise<Response> =>
    ask(path, { method: 'POST', body: JSON.stringify(body) }, { 'content-type': 'application/json', ...headers });
  return { app, plane, log, ask, post };
}

async function problem(response: Response, status: number, code: string) {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const document = problemDocumentSchema.parse(await response.json());
  expect({ status: response.status, member: document.status, code: document.code }).toEqual({
    status,
    member: status,
    code,
  });
  return document;
}

/** A request that each route takes. A route that is missing here fails the walk. */
const SAMPLES: Record<string, { readonly path: string; readonly body?: unknown }> = {
  'GET /healthz': { path: '/healthz' },
  'GET /readyz': { path: '/readyz' },
  'GET /summary': { path: '/summary' },
  'GET /metrics': { path: '/metrics' },
  'GET /v1/status': { path: '/v1/status' },
  'GET /v1/nodes': { path: '/v1/nodes?target=node:piha' },
  'GET /v1/services': { path: '/v1/services' },
  'POST /v1/services/:node/:service/stop': { path: '/v1/services/piha/agent-system/stop', body: { reason: 'x' } },
  'POST /v1/services/:node/:service/start': { path: '/v1/services/piha/agent-system/start', body: {} },
  'POST /v1/services/:node/:service/restart': { path: '/v1/services/piha/agent-system/restart', body: {} },
  'GET /v1/actions': { path: '/v1/actions?state=pending,approved' },
  'POST /v1/actions/:id/approve': { path: `/v1/actions/${REDEPLOY.id}/approve`, body: { hash: REDEPLOY.planHash } },
  'POST /v1/actions/:id/reject': { path: `/v1/actions/${REDEPLOY.id}/reject`, body: { reason: 'no', forMs: 1000 } },
  'POST /v1/actions/:id/cancel': { path: `/v1/actions/${REDEPLOY.id}/cancel`, body: { reason: 'no' } },
  'POST /v1/plan': { path: '/v1/plan', body: {} },
  'POST /v1/apply': {
    path: '/v1/apply',
    body: { items: [{ id: REDEPLOY.id, ulid: REDEPLOY.ulid, hash: REDEPLOY.planHash }] },
  },
  'GET /v1/show': { path: '/v1/show?name=piha/agent-system' },
  'GET /v1/targets': { path: '/v1/targets?query=site%3Dhome' },
  'GET /v1/maintenance': { path: '/v1/maintenance' },
  'POST /v1/maintenance': { path: '/v1/maintenance', body: { query: 'site=home', forMs: 1000, reason: 'switch' } },
  'DELETE /v1/maintenance/:id': { path: '/v1/maintenance/m1' },
  'GET /v1/events': { path: '/v1/events?limit=1&since=2020-01-01T00:00:00Z' },
  'GET /v1/events/stream': { path: '/v1/events/stream' },
  'GET /v1/replay': { path: '/v1/replay?until=2026-01-01T00:00:00Z' },
  'GET /v1/plugins': { path: '/v1/plugins' },
  'GET /v1/audit': { path: '/v1/audit?limit=5' },
  'GET /v1/audit/verify': { path: '/v1/audit/verify' },
  'GET /v1/doctor': { path: '/v1/doctor' },
  'GET /v1/logs/:node/:service': { path: '/v1/logs/piha/agent-system?tail=1' },
  'GET /v1/runs/:ulid/output': { path: '/v1/runs/01KAG0000000000000000000A1/output' },
};

function sampleOf(route: Route) {
  const sample = SAMPLES[`${route.method} ${route.path}`];
  if (sample === undefined) throw new Error(`no sample for ${route.method} ${route.path}`);
  const init: RequestInit = {
    method: route.method,
    ...(sample.body === undefined ? {} : { body: JSON.stringify(sample.body) }),
  };
  return { path: sample.path, init };
}

describe.each(ROUTES.map((route) => [`${route.method} ${route.path}`, route] as const))('%s', (_name, route) => {
  const json = { 'content-type': 'application/json' };

  it('answers what its schema says', async () => {
    const { ask } = setup();
    const { path, init } = sampleOf(route);
    const response = await ask(path, init, json);
    expect(response.status).toBe(200);
    if ('answer' in route) {
      const parsed = route.answer.safeParse(await response.json());
      expect(parsed.error?.issues ?? []).toEqual([]);
    } else {
      expect(response.headers.get('content-type')).toContain(route.type);
      await response.body?.cancel();
    }
  });

  it.each([
    ['no token', {}],
    ['a wrong token', { authorization: 'Bearer not-the-token-at-all' }],
    ['the token in another scheme', { authorization: `Basic ${TOKEN}` }],
    ['a prefix of the token', { authorization: `Bearer ${TOKEN.slice(0, -1)}` }],
  ])('refuses %s unless it is open', async (_what, headers: Record<string, string>) => {
    const { app, plane } = setup();
    const { path, init } = sampleOf(route);
    const response = await app.request(path, { ...init, headers: { ...json, ...headers } });
    if (route.role === 'open') expect(response.status).toBe(200);
    else {
      await problem(response, 401, 'unauthenticated');
      expect(response.headers.get('www-authenticate')).toBe('Bearer');
    }
    expect(plane.calls).toEqual([]);
  });

  it('refuses a foreign host and any origin, also with the token', async () => {
    const { ask } = setup();
    const { path, init } = sampleOf(route);
    await problem(await ask(path, init, { ...json, host: 'evil.example:18180' }), 403, 'not_allowed');
    await problem(await ask(path, init, { ...json, origin: 'http://127.0.0.1:18180' }), 403, 'not_allowed');
  });

  it('refuses what its schemas do not name', async () => {
    const { ask } = setup();
    const { path, init } = sampleOf(route);
    const response = await ask(`${path}${path.includes('?') ? '&' : '?'}nonsense=1`, init, json);
    await problem(response, 400, 'usage');
  });

  it('says which methods its path takes', async () => {
    const { ask } = setup();
    const response = await ask(sampleOf(route).path, { method: 'PATCH' });
    await problem(response, 405, 'usage');
    expect(response.headers.get('allow')).toContain(route.method);
  });
});

describe('what comes in', () => {
  it.each(['127.0.0.1', '127.0.0.1:18180', 'localhost:18180', '[::1]:18180', '127.1.2.3'])(
    'host %s is loopback',
    async (host) => {
      expect((await setup().ask('/v1/status', {}, { host })).status).toBe(200);
    },
  );

  it.each(['127.0.0.1.evil.example', 'localhost.evil.example', '10.0.0.1', '', '127.0.0.1@evil.example'])(
    'host %j is not',
    async (host) => {
      await problem(await setup().ask('/v1/status', {}, { host }), 403, 'not_allowed');
    },
  );

  it('an unknown path needs the token too, and is then not found', async () => {
    const { app, ask } = setup();
    await problem(await app.request('/v1/nothing'), 401, 'unauthenticated');
    await problem(await ask('/v1/nothing'), 404, 'not_found');
  });

  it('refuses a body that is not JSON, of another type, or too large', async () => {
    const { ask, post, plane } = setup();
    const json = { 'content-type': 'application/json' };
    await problem(await ask('/v1/plan', { method: 'POST', body: '{' }, json), 400, 'usage');
    await problem(
      await ask('/v1/plan', { method: 'POST', body: '{}' }, { 'content-type': 'text/plain' }),
      400,
      'usage',
    );
    await problem(await post('/v1/plan', { target: 'x'.repeat(BODY_LIMIT_BYTES) }), 413, 'too_large');
    expect(plane.calls).toEqual([]);
  });

  it('counts a body that does not say its length', async () => {
    const { app } = setup();
    const piece = new Uint8Array(300_000).fill(32);
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => (sent++ < 40 ? controller.enqueue(piece) : controller.close()),
    });
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
    const request = new Request('http://localhost/v1/plan', {
      method: 'POST',
      body,
      duplex: 'half',
      headers,
    } as RequestInit);
    await problem(await app.request(request), 413, 'too_large');
    expect(sent).toBeLessThan(10);
  });

  it('points at each member that is wrong', async () => {
    const document = await problem(await setup().ask('/v1/events?limit=many&class=none'), 400, 'usage');
    expect(document.issues).toHaveLength(2);
    expect(document.at).toMatch(/^query\./);
  });

  it('refuses a member that is given twice', async () => {
    await problem(await setup().ask('/v1/events?limit=1&limit=2'), 400, 'usage');
  });

  it('refuses an id that is a path', async () => {
    const { post } = setup();
    await problem(await post('/v1/actions/..%2F..%2Fetc/approve', { yes: true }), 400, 'usage');
  });
});

describe('what goes out', () => {
  it('an approval names what was seen, and who', async () => {
    const { post, plane } = setup();
    await problem(await post(`/v1/actions/${REDEPLOY.id}/approve`, {}), 400, 'usage');
    const stale = await problem(await post(`/v1/actions/${REDEPLOY.id}/approve`, { hash: '0000000' }), 409, 'stale');
    expect(stale).toMatchObject({
      at: REDEPLOY.id,
      hint: `see it: lab show ${REDEPLOY.id}`,
      planHash: REDEPLOY.planHash,
    });
    const request = { hash: REDEPLOY.planHash.slice(0, 7), note: 'fine' };
    const done = await post(`/v1/actions/${REDEPLOY.id}/approve`, request, { 'lab-operator': 'ada@saturn' });
    expect(await done.json()).toMatchObject({ state: 'approved', approval: { by: 'ada@saturn', note: 'fine' } });
    expect(plane.calls.at(-1)).toEqual({ what: `approve ${REDEPLOY.id}`, with: request, who: 'ada@saturn' });
    await problem(await post(`/v1/actions/${REDEPLOY.id}/approve`, { yes: true }), 409, 'conflict');
  });

  it('a name of the operator that could forge a line is not taken', async () => {
    const { post, plane } = setup();
    await post(`/v1/actions/${REDEPLOY.id}/cancel`, { reason: 'x' }, { 'lab-operator': 'ada "root"' });
    expect(plane.calls.at(-1)?.who).toBe('operator');
  });

  it('an answer that did not change is 304', async () => {
    const { ask, plane } = setup();
    const first = await ask('/v1/status');
    const etag = first.headers.get('etag') ?? '';
    plane.fleet = { ...plane.fleet, at: '2030-01-01T00:00:00.000Z' };
    const again = await ask('/v1/status', {}, { 'if-none-match': etag });
    expect(again.status).toBe(304);
    plane.fleet = { ...plane.fleet, settled: false };
    expect((await ask('/v1/status', {}, { 'if-none-match': etag })).status).toBe(200);
  });

  it('is not ready with a reason and 503', async () => {
    const { app, plane } = setup();
    plane.isReady = false;
    const response = await app.request('/readyz');
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ ready: false, reason: 'reads its journal' });
  });

  it('events since an instant leave earlier ones out', async () => {
    const { ask, plane } = setup();
    const [, second] = plane.journal;
    const events = await (await ask(`/v1/events?since=${second?.receivedAt}`)).json();
    expect(events).toEqual([second]);
  });

  it('an error that should not be is a problem, and is told to the log', async () => {
    const { ask, plane, log } = setup();
    plane.status = () => Promise.reject(new Error('boom'));
    const document = await problem(await ask('/v1/status'), 500, 'internal');
    expect(document.detail).toBe('boom');
    expect(log.lines.map((line) => line.fields.error)).toEqual(['boom']);
  });
});
