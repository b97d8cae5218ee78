/**
 * The daemon's process: started by its parent (`lab up`, later a service manager), configured by the environment.
 *
 * LAB_ROOT runtime root · LAB_REPO the fleet · LAB_HOME where lab itself is · LAB_PORT port of the API · LAB_LOG level ·
 * NODE_ALIAS_MAP old names of nodes
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SystemClock } from '@lab/kernel/clock';
import { NodeDisk } from '@lab/kernel/disk/node-disk';
import { jsonLog, type Level } from '@lab/kernel/log';
import { attribute } from '@lab/kernel/plugins/host';
import type { Plugin } from '@lab/sdk';
import { asLabError, ERRORS, messageOf } from '@lab/sdk/errors';
import { Daemon } from './daemon.ts';
import { holdRoot } from './lock.ts';
import { ParentLink, Pulse } from './pulse.ts';
import { refusalLines } from './refusal.ts';
import { disabledPlugins } from './strikes.ts';

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is not set; the daemon is started by lab up`);
  return value;
}

/** `plugins`: instead of those that the edge comes with. */
export async function runDaemon({ plugins }: { readonly plugins?: readonly Plugin[] } = {}): Promise<void> {
  const root = setting('LAB_ROOT');
  const home = setting('LAB_HOME');
  const clock = new SystemClock((cause) => fault(cause));
  const { log, close } = await jsonLog(
    { file: join(root, 'logs/lab.log') },
    clock,
    (process.env.LAB_LOG ?? 'info') as Level,
  );
  const disk = new NodeDisk();
  let pulse: Pulse | undefined;
  let daemon: Daemon | undefined;
  let ending: Promise<void> | undefined;

  const end = (services: boolean, code: number): Promise<void> => {
    ending ??= (async () => {
      await daemon?.stop({ services, progress: (line) => parent.progress(`stopping ${line}`) });
      await held?.release();
      log.info('ended', { services });
      await close();
      pulse?.close();
      await parent.end(code);
      process.exit(code);
    })();
    return ending;
  };
  const parent = new ParentLink(process, clock, { onStop: () => void end(true, 0), onGone: () => void end(false, 0) });

  /** A plugin's fault is the plugin's; one of ours ends the process, and the next start finds everything on disk. */
  function fault(cause: unknown): void {
    const plugin = attribute(cause);
    if (plugin !== undefined) {
      log.error('a plugin failed outside any call', { plugin, reason: messageOf(cause) });
      return;
    }
    log.error('the daemon failed', {
      reason: messageOf(cause),
      stack: cause instanceof Error ? (cause.stack ?? '') : '',
    });
    process.exitCode = 1;
    void close().finally(() => process.exit(1));
  }
  process.on('uncaughtException', fault);
  process.on('unhandledRejection', fault);
  process.on('SIGTERM', () => void end(false, 0));
  process.on('SIGINT', () => void end(false, 0));
  process.on('SIGHUP', () => void daemon?.hub.parts.fleet.reload());

  let held: Awaited<ReturnType<typeof holdRoot>> | undefined;
  try {
    held = await holdRoot(root);
    mkdirSync(join(root, 'state'), { recursive: true });
    // For its owner alone, names included.
    mkdirSync(join(root, 'state/secure'), { recursive: true, mode: 0o700 });
    log.info('started', { pid: process.pid, root });
    const own = new Pulse(join(root, 'state/pulse'));
    pulse = own;
    daemon = await Daemon.open({
      root,
      repo: setting('LAB_REPO'),
      modulesDir: home,
      port: Number(process.env.LAB_PORT ?? 18_180),
      version: version(home),
      disk,
      clock,
      log,
      disabled: await disabledPlugins(disk, root),
      mark: own.mark,
      aliasMap: process.env.NODE_ALIAS_MAP,
      ...(plugins === undefined ? {} : { plugins }),
    });
    log.info('open', { url: daemon.url });
  } catch (cause) {
    const error = asLabError(cause);
    log.error('the daemon could not start', { code: error.code, reason: error.message, stack: error.stack ?? '' });
    // One text, so that it is seen as it is.
    parent.progress(`${refusalLines(error).join('\n')}\n`);
    await held?.release();
    await close();
    await parent.end(ERRORS[error.code].exit);
    process.exit(ERRORS[error.code].exit);
  }
}

function version(home: string): string {
  return (JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { version: string }).version;
}
