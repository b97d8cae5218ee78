/** The daemon with one plugin more: once the file `stuck` is in the root, it never gives the thread back. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runDaemon } from '@lab/daemon/run';
import { EDGE_PLUGINS } from '@lab/edge/compose';
import { definePlugin } from '@lab/sdk';
import { z } from 'zod';

const stuck = definePlugin({
  id: 'health.stuck',
  kind: 'health',
  sdk: 1,
  roles: ['edge'],
  config: z.strictObject({}),
  needs: {},
  capabilities: [],
  setup: () => ({
    source: 'stuck',
    covers: () => true,
    watch: () => {
      while (existsSync(join(process.env.LAB_ROOT ?? '', 'stuck')));
    },
    unwatch: () => undefined,
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
  }),
});

await runDaemon({ plugins: [...EDGE_PLUGINS, stuck] });
