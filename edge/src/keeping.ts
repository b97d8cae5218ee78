/**
 * What a node does before it speaks: it takes over what lives, starts again what ran until the machine or the daemon was stopped
 * in order (keeping, which is not healing), and then says completely what is there.
 *
 * INVARIANTS: only approved digests are started; a held service is not; one that cannot be started disturbs no other.
 */
import { type Emit, type Log, messageOf, type ObservedService, type RunContext, type ServiceProvider } from '@lab/sdk';
import type { ServiceSpecs } from './service-specs.ts';
import type { Told } from './told.ts';

export interface KeepingArgs {
  readonly provider: ServiceProvider;
  readonly specs: ServiceSpecs;
  readonly told: Told;
  readonly emit: Emit;
  readonly log: Log;
  readonly ulid: () => string;
  readonly bootId: string;
}

export interface Kept {
  readonly kept: readonly string[];
  readonly adopted: readonly string[];
  /** False: the provider could not tell what ran. It is to be kept once it can. */
  readonly known: boolean;
}

/** Starts what is to be kept, in order of waves. Never fails for what the provider cannot do: the node has to speak all the same. */
export async function keep(args: KeepingArgs, signal: AbortSignal): Promise<Kept> {
  const { provider, specs, told, emit, log, ulid, bootId } = args;
  let observed: readonly ObservedService[] = [];
  let known = true;
  try {
    observed = await provider.observe();
  } catch (cause) {
    known = false;
    log.error('nobody can tell what ran here: nothing is kept yet', { reason: messageOf(cause) });
  }
  const waveOf = (service: string): number => told.entry(service)?.wave ?? Number.MAX_SAFE_INTEGER;
  const interrupted = observed
    .filter((seen) => seen.state === 'interrupted')
    .sort((a, b) => waveOf(a.service) - waveOf(b.service));
  const kept: string[] = [];
  for (const { service } of interrupted) {
    const digest = told.approved(service);
    if (digest === null || told.entry(service)?.held === true) continue;
    const run: RunContext = { run: `keep-${ulid()}`, signal, output: (line) => log.info(line, { service }) };
    try {
      await provider.deploy(await specs.of(service, digest), run);
      kept.push(service);
    } catch (cause) {
      log.error('a service could not be kept', { service, reason: messageOf(cause) });
      await emit({ type: 'keeping_failed', service, data: { reason: messageOf(cause) } });
    }
  }
  const adopted = observed.filter((seen) => seen.state === 'running' && seen.managed).map((seen) => seen.service);
  await emit({ type: 'node_started', data: { bootId, kept, adopted } });
  return { kept, adopted, known };
}

/** Says what is there. Where the provider cannot tell it completely, it says so and nothing counts as missing. */
export async function observe(provider: ServiceProvider, emit: Emit, log: Log): Promise<readonly ObservedService[]> {
  let observed: readonly ObservedService[] = [];
  let complete = true;
  try {
    observed = await provider.observe();
  } catch (cause) {
    complete = false;
    log.warn('what runs here cannot be told completely', { reason: messageOf(cause) });
  }
  await emit({
    type: 'services_observed',
    source: provider.runtime,
    data: { complete, services: observed.map((seen) => ({ ...describe(seen), sources: [...seen.sources] })) },
  });
  return observed;
}

function describe({ service, sources: _sources, ...seen }: ObservedService): Record<string, unknown> {
  return { ...seen, name: service, state: seen.state === 'running' ? 'running' : 'exited' };
}
