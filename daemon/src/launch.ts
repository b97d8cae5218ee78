/** Starts the daemon of main.ts under its parent, for `lab up`: what it prints goes to `logs/daemon.log` of the root. */
import { mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { NodeDisk } from '@lab/kernel/disk/node-disk';
import type { Clock } from '@lab/sdk/clock';
import { type Supervision, startDaemon, superviseDaemon } from './parent.ts';

export interface LaunchOptions {
  /** The project's folder. */
  readonly home: string;
  readonly root: string;
  readonly repo: string;
  readonly port: number;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  /** A line for people. */
  readonly onLine: (line: string) => void;
}

export function launchDaemon({ home, root, repo, port, env, clock, onLine }: LaunchOptions): Supervision {
  mkdirSync(join(root, 'logs'), { recursive: true });
  const log = openSync(join(root, 'logs', 'daemon.log'), 'a');
  return superviseDaemon({
    root,
    clock,
    onLine,
    disk: new NodeDisk(),
    start: () =>
      startDaemon({
        command: process.execPath,
        args: [join(import.meta.dirname, 'main.ts')],
        env: { ...env, LAB_HOME: home, LAB_ROOT: root, LAB_REPO: repo, LAB_PORT: String(port) },
        stdout: log,
        stderr: log,
      }),
  });
}
