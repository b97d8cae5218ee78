/** provider.process: services as supervised local processes. */
import { CLOCK, definePlugin, EMIT, LOG, PLACE, STORE } from '@lab/sdk';
import { z } from 'zod';
import { ProcessProvider } from './src/provider.ts';

export default definePlugin({
  id: 'provider.process',
  kind: 'provider',
  sdk: 1,
  roles: ['edge'],
  config: z.strictObject({
    /** Without a healthcheck a service is healthy after it ran so long. */
    stableMs: z.int().min(0).default(10_000),
    /** How often adopted processes are looked at: only a parent is told when one ends. */
    pollMs: z.int().min(10).max(60_000).default(500),
    rotateBytes: z.int().positive().default(1_048_576),
    capBytes: z.int().positive().default(16_777_216),
    /** Older logs of a service that are kept. */
    kept: z.int().min(1).max(100).default(3),
  }),
  needs: { clock: CLOCK, log: LOG, emit: EMIT, place: PLACE, store: STORE },
  capabilities: ['process.spawn', 'process.signal', 'fs.logs'],
  setup: ({ config, services, defer }) => {
    const provider = new ProcessProvider(config, services);
    defer(() => provider.stop());
    return provider;
  },
});
