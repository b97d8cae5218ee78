import { settle } from './fake-clock.ts';
import { FakeHealthSource } from './fake-health-source.ts';
import { healthConformance } from './health-conformance.ts';
import { KeptFacts } from './kept-facts.ts';
import { processSpec } from './specs.ts';

healthConformance('FakeHealthSource', async () => {
  const facts = new KeptFacts();
  const source = new FakeHealthSource(facts.emit);
  return {
    source,
    facts,
    subject: (service, instance) => ({
      spec: processSpec(service, { command: ['sleep'], ports: { http: 1 }, healthcheck: { tcp: { port: 'http' } } }),
      instance,
      run: 'r1',
    }),
    find: (service, healthy) => source.find(service, healthy),
    pass: settle,
    cleanup: async () => undefined,
  };
});
