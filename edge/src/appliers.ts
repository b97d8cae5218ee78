/** How changes of the kernel's own resource types are made on this node: through its provider of services. */
import {
  type Applied,
  type Change,
  LabError,
  type ResourceApplier,
  type RunContext,
  type ServiceProvider,
} from '@lab/sdk';
import type { Bundles } from './bundles.ts';
import type { ServiceSpecs } from './service-specs.ts';
import type { Told } from './told.ts';

export interface ApplierArgs {
  readonly provider: ServiceProvider;
  readonly specs: ServiceSpecs;
  readonly told: Told;
  readonly bundles: Bundles;
}

type ServiceVerb = (change: Change, service: string, run: RunContext) => Promise<Applied>;

export function serviceApplier({ provider, specs, told }: ApplierArgs): ResourceApplier {
  /** A service that nobody monitors is done once it runs. */
  const verifyOf = (service: string): 'health' | 'none' => (told.entry(service)?.monitor === false ? 'none' : 'health');
  const make: ServiceVerb = async (change, service, run) => {
    const digest = change.to ?? told.approved(service);
    if (digest === null)
      throw new LabError('invalid', `${service} has no digest to run`, {
        at: change.id,
        hint: 'approve a redeploy of it first',
      });
    run.output(`preparing bundle ${digest.slice(0, 7)}`);
    const spec = await specs.of(service, digest);
    const made =
      change.type === 'redeploy' || change.type === 'service_start'
        ? await provider.deploy(spec, run)
        : await provider.restart(spec, run);
    return { instance: made.instance, verify: verifyOf(service) };
  };
  const verbs: Readonly<Record<string, ServiceVerb>> = {
    redeploy: make,
    container_restart: make,
    service_start: make,
    service_restart: make,
    service_stop: async (_change, service, run) => {
      await provider.halt([service], run, 'person');
      return { instance: null, verify: 'none' };
    },
    remove: async (_change, service, run) => {
      await provider.remove(service, run);
      return { instance: null, verify: 'none' };
    },
  };
  return {
    id: 'service',
    preimage: (change) => provider.preimage(nameOf(change)),
    apply: async (change, run) => {
      const verb = verbs[change.type];
      if (verb === undefined) throw new LabError('invalid', `a service knows no ${change.type}`, { at: change.id });
      return verb(change, nameOf(change), run);
    },
    trace: async (change, run) => {
      const trace = await provider.trace(nameOf(change), run);
      const makes = change.type !== 'service_stop' && change.type !== 'remove';
      return trace.state === 'done' ? { ...trace, verify: makes ? verifyOf(nameOf(change)) : 'none' } : trace;
    },
    diagnose: (change) => provider.diagnose(nameOf(change)),
  };
}

/** `disk_cleanup`: stopped leftovers of lab's own and old bundles; never `data/`. */
export function nodeApplier({ provider, bundles, told }: ApplierArgs): ResourceApplier {
  return {
    id: 'node',
    preimage: () => Promise.resolve(null),
    apply: async (_change, run) => {
      const freed = await provider.cleanup(run);
      const wanted = new Set(
        told.services.flatMap(({ service, digest }) => [digest, told.approved(service) ?? digest]),
      );
      // What runs has its files there, also where it left Git or is at a digest that nobody wants.
      for (const { digest } of await provider.observe()) if (digest !== null) wanted.add(digest);
      const removed = await bundles.prune(wanted);
      run.output(`freed ${freed} bytes and ${removed} old bundles`);
      return { instance: null, verify: 'none' };
    },
    // Cleaning up again does no harm: what a cut-off run left undone is simply done.
    trace: () => Promise.resolve({ state: 'none' }),
    diagnose: () => Promise.resolve(''),
  };
}

function nameOf(change: Change): string {
  if (change.service === null) throw new LabError('invalid', `${change.type} names no service`, { at: change.id });
  return change.service;
}
