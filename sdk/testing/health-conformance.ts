/** What every source of health keeps, however it asks. Import it in a test of the source and call it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HealthSource, HealthSubject } from '../src/contracts/health-source.ts';
import type { Fact } from '../src/model/event.ts';
import type { KeptFacts } from './kept-facts.ts';

export interface HealthHarness {
  /** Not started yet. */
  readonly source: HealthSource;
  readonly facts: KeptFacts;
  /** An instance of a service that it covers, of run `r1`. */
  subject(service: string, instance: string): HealthSubject;
  /** What it will find of that service from now on. */
  find(service: string, healthy: boolean): Promise<void>;
  /** Long enough for several findings. */
  pass(): Promise<void>;
  cleanup(): Promise<void>;
}

export function healthConformance(name: string, make: () => Promise<HealthHarness>): void {
  describe(`${name} keeps the contract of a health source`, () => {
    let h: HealthHarness;
    const never = new AbortController().signal;

    beforeEach(async () => {
      h = await make();
    });
    afterEach(async () => {
      await h.source.stop();
      await h.cleanup();
    });

    const negative = (fact: Fact): boolean => fact.type !== 'service_healthy';
    const positive = (fact: Fact): boolean => fact.type === 'service_healthy';
    const about = (): unknown[] => h.facts.all.map((fact) => fact.data.instance);

    it('covers what it can judge', () => {
      const { definition } = h.subject('web', 'i1').spec;
      expect(h.source.covers(definition)).toBe(true);
      expect(h.source.covers({ runtime: 'process', env: {}, labels: {}, dependsOn: [], update: 'replace' })).toBe(
        false,
      );
    });

    it('says once that an instance is healthy, under its own name', async () => {
      await h.source.start(never);
      await h.find('web', true);
      h.source.watch(h.subject('web', 'i1'));
      await h.facts.until(positive);
      await h.pass();
      expect(h.facts.all).toEqual([
        { type: 'service_healthy', source: h.source.source, service: 'web', data: { instance: 'i1', run: 'r1' } },
      ]);
    });

    it('says each transition once', async () => {
      await h.source.start(never);
      await h.find('web', true);
      h.source.watch(h.subject('web', 'i1'));
      await h.facts.until(positive);
      await h.find('web', false);
      await h.facts.until(negative);
      await h.pass();
      await h.find('web', true);
      await h.facts.until(positive, 10_000, 2);
      await h.pass();
      expect(h.facts.all.map(positive)).toEqual([true, false, true]);
      for (const fact of h.facts.all) {
        expect(fact).toMatchObject({ source: h.source.source, service: 'web', data: { instance: 'i1' } });
      }
    });

    it('says that an instance never became healthy', async () => {
      await h.source.start(never);
      await h.find('web', false);
      h.source.watch(h.subject('web', 'i1'));
      await h.facts.until(negative);
      await h.pass();
      expect(h.facts.all).toHaveLength(1);
    });

    it('judges a new instance anew, and the old one no more', async () => {
      await h.source.start(never);
      await h.find('web', true);
      h.source.watch(h.subject('web', 'i1'));
      await h.facts.until(positive);
      h.source.watch(h.subject('web', 'i2'));
      await h.facts.until((fact) => fact.data.instance === 'i2');
      await h.pass();
      expect(about()).toEqual(['i1', 'i2']);
    });

    it('takes the same instance twice for one', async () => {
      await h.source.start(never);
      await h.find('web', true);
      h.source.watch(h.subject('web', 'i1'));
      h.source.watch(h.subject('web', 'i1'));
      await h.facts.until(positive);
      h.source.watch(h.subject('web', 'i1'));
      await h.pass();
      expect(h.facts.all).toHaveLength(1);
    });

    it('says nothing more of what it no longer watches', async () => {
      await h.source.start(never);
      await h.find('web', true);
      h.source.watch(h.subject('web', 'i1'));
      await h.facts.until(positive);
      h.source.unwatch('web');
      h.source.unwatch('never-watched');
      await h.find('web', false);
      await h.pass();
      expect(h.facts.all).toHaveLength(1);
    });

    it('begins with start and ends with stop', async () => {
      await h.find('web', true);
      h.source.watch(h.subject('web', 'i1'));
      await h.pass();
      expect(h.facts.all).toEqual([]);
      await h.source.start(never);
      await h.facts.until(positive);
      await h.source.stop();
      await h.find('web', false);
      await h.pass();
      expect(h.facts.all).toHaveLength(1);
    });

    it('keeps services apart', async () => {
      await h.source.start(never);
      await h.find('a', true);
      await h.find('b', false);
      h.source.watch(h.subject('a', 'i1'));
      h.source.watch(h.subject('b', 'i2'));
      await h.facts.until(positive);
      await h.facts.until(negative);
      await h.pass();
      expect(h.facts.of('a').map(positive)).toEqual([true]);
      expect(h.facts.of('b').map(positive)).toEqual([false]);
    });

    it('says later what the disk refused', async () => {
      await h.source.start(never);
      await h.find('web', true);
      h.facts.refuse = new Error('no space');
      h.source.watch(h.subject('web', 'i1'));
      await h.pass();
      h.facts.refuse = undefined;
      await h.find('web', true);
      await h.facts.until(positive);
    });
  });
}
