/** What every provider of services keeps, whatever it runs them with. Import it in a test of the provider and call it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ObservedService, ServiceProvider, ServiceSpec } from '../src/contracts/service-provider.ts';
import type { KeptFacts } from './kept-facts.ts';
import { testRun } from './specs.ts';

export interface ProviderHarness {
  /** Not started yet. */
  readonly provider: ServiceProvider;
  readonly facts: KeptFacts;
  /** A service that runs until it is stopped; `digest` to tell two apart. */
  spec(service: string, digest?: string): ServiceSpec;
  /** The next deploy of what this returns cannot be started. */
  broken(service: string): ServiceSpec;
  /** Ends the living instance from outside, as a crash of the service would; resolves when it is dead. */
  kill(service: string): Promise<void>;
  /** A new provider on the same state, not started, as after `kill -9` of the daemon. The old one says nothing more. */
  restartProvider(): Promise<ServiceProvider>;
  /** The same after the machine lost power. Ends everything that lived. */
  reboot(): Promise<ServiceProvider>;
  cleanup(): Promise<void>;
}

export function providerConformance(name: string, make: () => Promise<ProviderHarness>): void {
  describe(`${name} keeps the contract of a provider`, () => {
    const never = new AbortController().signal;
    let h: ProviderHarness;
    let provider: ServiceProvider;

    beforeEach(async () => {
      h = await make();
      provider = h.provider;
      await provider.start(never);
    });
    afterEach(() => h.cleanup());

    const seen = async (service: string): Promise<ObservedService | undefined> =>
      (await provider.observe()).find((one) => one.service === service);
    const said = (type: string, instance: string, withinMs?: number) =>
      h.facts.until((fact) => fact.type === type && fact.data.instance === instance, withinMs);
    const isSaid = (type: string, instance: string): boolean =>
      h.facts.all.some((fact) => fact.type === type && fact.data.instance === instance);

    it('knows nothing at first', async () => {
      expect(await provider.observe()).toEqual([]);
      expect(await provider.preimage('web')).toBeNull();
      expect(await provider.trace('web', 'r1')).toEqual({ state: 'none' });
      await expect(provider.halt(['web'], testRun('r1'), 'daemon')).resolves.toBeUndefined();
    });

    it('starts an instance, says so first, and says that it is healthy', async () => {
      const spec = h.spec('web');
      const { instance } = await provider.deploy(spec, testRun('r1'));
      await said('service_healthy', instance);
      expect(h.facts.types('web')).toEqual(['service_progressing', 'service_healthy']);
      expect(h.facts.of('web')[0]).toMatchObject({
        source: provider.runtime,
        data: {
          instance,
          digest: spec.digest,
          run: 'r1',
          ports: spec.ports,
          sources: provider.sources(spec.definition),
        },
      });
      expect(await seen('web')).toMatchObject({
        managed: true,
        digest: spec.digest,
        instance,
        state: 'running',
        run: 'r1',
        ports: spec.ports,
        sources: provider.sources(spec.definition),
      });
      expect(await provider.preimage('web')).toBe(instance);
      expect(await provider.trace('web', 'r1')).toEqual({ state: 'done', instance });
      expect(await provider.trace('web', 'r2')).toEqual({ state: 'none' });
    });

    it('answers the same run again with what it made', async () => {
      const first = await provider.deploy(h.spec('web'), testRun('r1'));
      const again = await provider.deploy(h.spec('web'), testRun('r1'));
      expect(again).toEqual(first);
      expect(h.facts.types('web').filter((type) => type === 'service_progressing')).toHaveLength(1);
    });

    it('replaces what ran, and does not call that a death', async () => {
      const { instance: old } = await provider.deploy(h.spec('web'), testRun('r1'));
      const { instance } = await provider.deploy(h.spec('web', 'e'.repeat(64)), testRun('r2'));
      expect(instance).not.toBe(old);
      await said('service_healthy', instance);
      expect(await provider.observe()).toHaveLength(1);
      expect(await seen('web')).toMatchObject({ instance, digest: 'e'.repeat(64), state: 'running' });
      expect(isSaid('containers_not_running', old)).toBe(false);
    });

    it('gives a new life on restart', async () => {
      const { instance: old } = await provider.deploy(h.spec('web'), testRun('r1'));
      const { instance } = await provider.restart(h.spec('web'), testRun('r2'));
      expect(instance).not.toBe(old);
      expect(await provider.preimage('web')).toBe(instance);
      expect(isSaid('service_progressing', instance)).toBe(true);
    });

    it('says that an instance ended, within a second, and gives it a new life when asked', async () => {
      const { instance } = await provider.deploy(h.spec('web'), testRun('r1'));
      await h.kill('web');
      await said('containers_not_running', instance, 1_000);
      expect(await seen('web')).toMatchObject({ instance, state: 'exited' });
      expect(await provider.preimage('web')).toBeNull();
      const next = await provider.restart(h.spec('web'), testRun('r2'));
      expect(await seen('web')).toMatchObject({ instance: next.instance, state: 'running' });
    });

    it('adopts what lives after the daemon was killed, and starts nothing', async () => {
      const { instance } = await provider.deploy(h.spec('web'), testRun('r1'));
      await said('service_healthy', instance);
      const before = await seen('web');
      provider = await h.restartProvider();
      await provider.start(never);
      expect(await seen('web')).toEqual(before);
      expect(await provider.preimage('web')).toBe(instance);
      expect(await provider.trace('web', 'r1')).toEqual({ state: 'done', instance });
      expect(h.facts.types('web').filter((type) => type === 'service_progressing')).toHaveLength(1);
      await h.kill('web');
      await said('containers_not_running', instance, 1_500);
    });

    it('says what ended while no daemon was there, and does not start it', async () => {
      const { instance } = await provider.deploy(h.spec('web'), testRun('r1'));
      provider = await h.restartProvider();
      await h.kill('web');
      expect(isSaid('containers_not_running', instance)).toBe(false);
      await provider.start(never);
      await said('containers_not_running', instance, 1_000);
      expect(await seen('web')).toMatchObject({ instance, state: 'exited' });
    });

    it('has what the machine took down with it as interrupted', async () => {
      await provider.deploy(h.spec('web'), testRun('r1'));
      provider = await h.reboot();
      await provider.start(never);
      expect(await seen('web')).toMatchObject({ state: 'interrupted' });
      expect(await provider.preimage('web')).toBeNull();
      expect(h.facts.types('web')).not.toContain('containers_not_running');
      const { instance } = await provider.deploy(h.spec('web'), testRun('r2'));
      expect(await seen('web')).toMatchObject({ instance, state: 'running' });
    });

    it('keeps what the daemon stopped as interrupted, in silence', async () => {
      await provider.deploy(h.spec('a'), testRun('r1'));
      await provider.deploy(h.spec('b'), testRun('r2'));
      await provider.halt(['a', 'b'], testRun('r3'), 'daemon');
      expect(await provider.preimage('a')).toBeNull();
      await provider.stop();
      provider = await h.restartProvider();
      await provider.start(never);
      expect((await provider.observe()).map((one) => [one.service, one.state])).toEqual([
        ['a', 'interrupted'],
        ['b', 'interrupted'],
      ]);
      expect(h.facts.all.map((fact) => fact.type)).not.toContain('containers_not_running');
    });

    it('leaves what a person stopped as it is, through a new daemon and a new boot', async () => {
      const { instance } = await provider.deploy(h.spec('web'), testRun('r1'));
      await provider.halt(['web'], testRun('r2'), 'person');
      expect(await provider.trace('web', 'r2')).toEqual({ state: 'done', instance: null });
      expect(await seen('web')).toMatchObject({ state: 'exited' });
      await said('containers_not_running', instance);
      provider = await h.reboot();
      await provider.start(never);
      expect(await seen('web')).toMatchObject({ state: 'exited' });
    });

    it('forgets what is removed', async () => {
      const { instance } = await provider.deploy(h.spec('web'), testRun('r1'));
      await provider.remove('web', testRun('r2'));
      expect(await provider.observe()).toEqual([]);
      expect(await provider.preimage('web')).toBeNull();
      await said('service_removed', instance);
      expect(isSaid('containers_not_running', instance)).toBe(false);
      provider = await h.restartProvider();
      await provider.start(never);
      expect(await provider.observe()).toEqual([]);
    });

    it('says why something cannot be started, and that what ran before no longer does', async () => {
      const { instance: old } = await provider.deploy(h.spec('web'), testRun('r1'));
      await expect(provider.deploy(h.broken('web'), testRun('r2'))).rejects.toMatchObject({
        code: 'plugin_failed',
        hint: expect.any(String),
      });
      expect(await provider.trace('web', 'r2')).toEqual({ state: 'unknown' });
      await said('containers_not_running', old, 1_000);
      expect(await seen('web')).toMatchObject({ instance: old, state: 'exited' });
      const { instance } = await provider.deploy(h.spec('web'), testRun('r3'));
      expect(await seen('web')).toMatchObject({ instance, state: 'running' });
    });

    it('does nothing for a run that is cancelled already', async () => {
      const { instance } = await provider.deploy(h.spec('web'), testRun('r1'));
      const cancelled = testRun('r2', AbortSignal.abort());
      await expect(provider.deploy(h.spec('web'), cancelled)).rejects.toMatchObject({ code: 'cancelled' });
      await expect(provider.halt(['web'], cancelled, 'person')).rejects.toMatchObject({ code: 'cancelled' });
      await expect(provider.remove('web', cancelled)).rejects.toMatchObject({ code: 'cancelled' });
      expect(await provider.preimage('web')).toBe(instance);
      expect(await provider.trace('web', 'r2')).toEqual({ state: 'none' });
    });

    it('leaves everything running when it stops, and says nothing more', async () => {
      const { instance } = await provider.deploy(h.spec('web'), testRun('r1'));
      await provider.stop();
      provider = await h.restartProvider();
      await provider.start(never);
      expect(await provider.preimage('web')).toBe(instance);
    });

    it('gives its log, and ends following when told', async () => {
      await provider.deploy(h.spec('web'), testRun('r1'));
      const ends = new AbortController();
      const lines: string[] = [];
      for await (const line of provider.logs('web', { tail: 10, follow: true, signal: ends.signal })) {
        lines.push(line);
        ends.abort();
      }
      expect(lines.length).toBeGreaterThan(0);
      const none: string[] = [];
      for await (const line of provider.logs('web', { tail: 0, follow: false, signal: never })) none.push(line);
      expect(none).toEqual([]);
      expect(await provider.diagnose('web')).toContain('running');
      expect(await provider.diagnose('nobody')).not.toBe('');
    });

    it('names the sources that will judge an instance', () => {
      const { definition } = h.spec('web');
      const { process } = definition;
      expect(provider.sources(definition)).toEqual([provider.runtime]);
      if (process === undefined) return;
      const check = { tcp: { port: 'http' }, interval: 1, timeout: 1, retries: 1, startPeriod: 0 };
      expect(provider.sources({ ...definition, process: { ...process, healthcheck: check } })).toEqual([
        provider.runtime,
        'healthcheck',
      ]);
    });
  });
}
