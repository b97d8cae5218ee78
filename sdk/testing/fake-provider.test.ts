import { expect, it } from 'vitest';
import { FakeProvider } from './fake-provider.ts';
import { KeptFacts } from './kept-facts.ts';
import { providerConformance } from './provider-conformance.ts';
import { processSpec, testRun } from './specs.ts';

providerConformance('FakeProvider', async () => {
  const facts = new KeptFacts();
  let provider = new FakeProvider(facts.emit);
  return {
    provider,
    facts,
    spec: (service, digest = 'd'.repeat(64)) =>
      processSpec(service, { command: ['sleep'], ports: { http: 8080 } }, { digest }),
    broken: (service) => {
      provider.failNextDeploy();
      return processSpec(service, { command: ['broken'] });
    },
    kill: (service) => provider.die(service),
    restartProvider: async () => {
      provider = provider.crashed();
      return provider;
    },
    reboot: async () => {
      provider = provider.rebooted();
      return provider;
    },
    cleanup: async () => undefined,
  };
});

it('hangs when told, until its run is cancelled', async () => {
  const facts = new KeptFacts();
  const provider = new FakeProvider(facts.emit);
  await provider.start(new AbortController().signal);
  provider.hang('web');
  const ends = new AbortController();
  const deployed = provider.deploy(processSpec('web', { command: ['sleep'] }), testRun('r1', ends.signal));
  ends.abort();
  await expect(deployed).rejects.toMatchObject({ code: 'cancelled' });
  expect(facts.all).toEqual([]);
});

it('cannot tell what runs while it is blind', async () => {
  const provider = new FakeProvider(new KeptFacts().emit);
  provider.blind(true);
  await expect(provider.observe()).rejects.toMatchObject({ code: 'plugin_failed' });
  provider.blind(false);
  expect(await provider.observe()).toEqual([]);
});
