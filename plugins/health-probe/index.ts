/** health.probe: runs the healthcheck of each process, as its service.yaml defines it. */
import { CLOCK, definePlugin, EMIT, LOG } from '@lab/sdk';
import { z } from 'zod';
import { ProbeSource } from './src/source.ts';

export default definePlugin({
  id: 'health.probe',
  kind: 'health',
  sdk: 1,
  roles: ['edge'],
  config: z.strictObject({
    /** Until the first success it is looked at so often, or at its own interval where that is shorter. */
    startingMs: z.int().min(10).max(60_000).default(250),
  }),
  needs: { clock: CLOCK, log: LOG, emit: EMIT },
  capabilities: ['process.spawn', 'net.connect'],
  setup: ({ config, services, defer }) => {
    const source = new ProbeSource(config, services);
    defer(() => source.stop());
    return source;
  },
});
