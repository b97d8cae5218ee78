/** Starts the daemon of a root under its parent, with what it is configured by. */
import { mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { NodeDisk } from '@lab/kernel/disk/node-disk';
import type { Clock } from '@lab/sdk/clock';
import { LabError, messageOf } from '@lab/sdk/errors';
import { type Supervision, startDaemon, superviseDaemon } from './parent.ts';

export interface LaunchOptions {
  /** Where lab itself is. */
  readonly home: string;
  readonly root: string;
  readonly repo: string;
  readonly port: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly onLine: (line: string) => void;
  /** What the process runs, and how long it may go without a beat: a test has its own. */
  readonly main?: string;
  readonly stallMs?: number;
}

export function launchDaemon(options: LaunchOptions): Supervision {
  const { home, root, repo, port, env, clock, onLine, stallMs } = options;
  const main = options.main ?? join(import.meta.dirname, 'main.ts');
  const output = openOutput(root);
  return superviseDaemon({
    root,
    clock,
    disk: new NodeDisk(),
    onLine,
    ...(stallMs === undefined ? {} : { stallMs }),
    start: () =>
      startDaemon({
        command: process.execPath,
        args: [main],
        env: { ...env, LAB_ROOT: root, LAB_REPO: repo, LAB_HOME: home, LAB_PORT: String(port) },
        stdout: output,
        stderr: output,
      }),
  });
}

/** What Node itself prints when the daemon cannot even load; the daemon's own log is beside it. */
function openOutput(root: string): number {
  try {
    mkdirSync(join(root, 'logs'), { recursive: true });
    return openSync(join(root, 'logs/daemon.out'), 'a');
  } catch (cause) {
    throw new LabError('disk', `the runtime root cannot be written: ${messageOf(cause)}`, {
      at: root,
      cause,
      hint: 'give another: LAB_ROOT=DIR ./lab up',
    });
  }
}
