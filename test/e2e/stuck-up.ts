/** `lab up` whose daemon has a plugin that gets stuck, and whose patience is short. */
import { join } from 'node:path';
import { parse } from '@lab/cli/args';
import { COMMANDS, GLOBALS } from '@lab/cli/commands';
import { up } from '@lab/cli/commands/up';
import { contextFrom } from '@lab/cli/context';
import { processIo } from '@lab/cli/terminal/process-io';
import { launchDaemon } from '@lab/daemon/launch';

const io = processIo();
const context = contextFrom(io, parse(['up'], COMMANDS, GLOBALS).args);
const { home, root, repo, port } = context.settings;
const main = join(import.meta.dirname, 'stuck-daemon.ts');

process.exitCode = await up(context, (onLine) =>
  launchDaemon({ home, root, repo, port, env: io.env, clock: io.clock, onLine, main, stallMs: 3_000 }),
);
