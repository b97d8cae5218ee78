/** Specs and runs as a test needs them: valid, small, everything that does not matter filled in. */

import type { z } from 'zod';
import type { RunContext, ServiceSpec } from '../src/contracts/service-provider.ts';
import { type ProcessDefinition, processSchema } from '../src/model/process.ts';

export function processSpec(
  service: string,
  process: z.input<typeof processSchema>,
  rest: Partial<Omit<ServiceSpec, 'service' | 'definition'>> = {},
): ServiceSpec {
  const parsed: ProcessDefinition = processSchema.parse(process);
  return {
    node: 'piha',
    service,
    digest: 'd'.repeat(64),
    bundleDir: '/nonexistent',
    dataDir: '/nonexistent',
    env: {},
    ports: parsed.ports,
    ...rest,
    definition: { runtime: 'process', env: {}, labels: {}, dependsOn: [], update: 'replace', process: parsed },
  };
}

/** A run that nobody cancels, unless a signal is given. */
export function testRun(
  run: string,
  signal: AbortSignal = new AbortController().signal,
): RunContext & { lines: string[] } {
  const lines: string[] = [];
  return { run, signal, output: (line) => void lines.push(line), lines };
}
