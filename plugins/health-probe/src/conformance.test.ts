import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KeptFacts, KeptLog, processSpec, RealClock } from '@lab/sdk/testing';
import { healthConformance } from '@lab/sdk/testing/health-conformance';
import { ProbeSource } from './source.ts';

healthConformance('health.probe', async () => {
  const facts = new KeptFacts();
  const source = new ProbeSource({ startingMs: 20 }, { clock: new RealClock(), log: new KeptLog(), emit: facts.emit });
  const healthy = new Map<string, boolean>();
  const server: Server = createServer((request, response) => {
    response.statusCode = healthy.get((request.url ?? '').slice(1)) === true ? 200 : 503;
    response.end('so it is');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return {
    source,
    facts,
    subject: (service, instance) => ({
      spec: processSpec(service, {
        command: ['sleep'],
        ports: { http: port },
        healthcheck: { http: { port: 'http', path: `/${service}` }, interval: 0.02, retries: 2 },
      }),
      instance,
      run: 'r1',
    }),
    find: async (service, found) => void healthy.set(service, found),
    pass: () => new Promise((done) => setTimeout(done, 150)),
    cleanup: () => new Promise((done) => void server.close(() => done())),
  };
});
