/** `lab up`: the fleet on this machine, in the foreground. Watches the daemon's parent, and hands Ctrl-C on to it. */
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { holder } from '@lab/daemon/lock';
import type { Supervision } from '@lab/daemon/parent';
import { LabError } from '@lab/sdk/errors';
import type { StatusView } from '@lab/sdk/views/views';
import type { Context } from '../context.ts';
import { Hub } from '../hub/client.ts';
import { noteRoot } from '../settings.ts';
import { UpFace } from '../up-face.ts';

/** Starts the daemon under its parent. */
export type Launch = (onLine: (line: string) => void) => Supervision;

export async function run(context: Context): Promise<number> {
  const { launchDaemon } = await import('@lab/daemon/launch');
  const { settings, io } = context;
  const { home, root, repo, port } = settings;
  refuseNoFleet(repo, root);
  return await up(context, (onLine) => launchDaemon({ home, root, repo, port, env: io.env, clock: io.clock, onLine }));
}

export async function up(context: Context, launch: Launch): Promise<number> {
  const { io, settings, errStyle } = context;
  const pid = await holder(settings.root);
  if (pid !== undefined) {
    throw new LabError('root_held', `the daemon with pid ${pid} runs on ${settings.root} already`, {
      hint: 'look at it with lab status, stop it with Ctrl-C where it runs, or give another LAB_ROOT',
      data: { pid },
    });
  }
  const url = `http://127.0.0.1:${settings.port}`;
  const face = new UpFace({
    io,
    style: errStyle,
    clock: io.clock,
    url,
    status: (signal) => statusOf(context, url, signal),
    shown: (action) => context.seen.show([action], io.clock.now()),
  });
  const ended = new AbortController();
  const daemon = launch((line) => face.line(line));
  const stop = (): void => {
    ended.abort();
    daemon.stop();
  };
  const undo = io.onInterrupt(stop);
  // A closed terminal is a Ctrl-C; without one, SIGHUP asks to read the fleet again.
  const undoHangup = io.onHangup?.(() => (io.errTerminal ? stop() : daemon.reload()));
  const watching = face.run(ended.signal, () => noteRoot(io.env, settings.root));
  try {
    return await daemon.ended;
  } finally {
    ended.abort();
    undo();
    undoHangup?.();
    await watching;
  }
}

/** A mistyped directory: said before anything is written there. Where a fleet once ran, a start tells what has become of it. */
function refuseNoFleet(repo: string, root: string): void {
  if (existsSync(join(repo, 'inventory')) || existsSync(root)) return;
  throw new LabError('not_found', `there is no fleet in ${repo}`, {
    at: repo,
    hint: `name another (LAB_REPO=DIR ./lab up), or write one there: lab new ${repo}`,
  });
}

/** While it starts there is no token, then no answer, then no readiness: each is just not yet. */
async function statusOf({ settings }: Context, url: string, signal: AbortSignal): Promise<StatusView | undefined> {
  try {
    return await new Hub({ url, token: settings.token(), who: `up@${hostname()}`, drawn: true }).get<StatusView>(
      '/v1/status',
      {},
      signal,
    );
  } catch {
    return undefined;
  }
}
