/**
 * Starts the process of a service: own session, output on the file descriptor of a log file (a child on a pipe would die with
 * the daemon that reads it), an environment made from nothing but what the service is told and a few names of the daemon's own.
 *
 * Does not wait, does not record, does not restart.
 */
import { spawn } from 'node:child_process';
import { closeSync, existsSync } from 'node:fs';
import { delimiter, dirname, resolve } from 'node:path';
import { LabError, messageOf, type ServiceSpec, systemCode } from '@lab/sdk';
import { Life } from './life.ts';
import { type Marker, markerEnv, readStat } from './proc.ts';

const PASSED_ON = ['HOME', 'LANG', 'TZ', 'USER', 'TMPDIR'] as const;

export function childEnv(spec: ServiceSpec, marker: Marker, own: NodeJS.ProcessEnv): Record<string, string> {
  const env: Record<string, string> = {
    PATH: [dirname(process.execPath), own.PATH ?? '/usr/bin:/bin'].join(delimiter),
  };
  for (const name of PASSED_ON) {
    const value = own[name];
    if (value !== undefined) env[name] = value;
  }
  return {
    ...env,
    ...spec.definition.process?.env,
    ...spec.env,
    ...markerEnv(marker),
  };
}

/** Resolves once the program runs (exec succeeded); `plugin_failed` where it cannot. Closes `logFd` in either case. */
export async function launch(spec: ServiceSpec, marker: Marker, logFd: number, bornAt: number): Promise<Life> {
  try {
    return await start(spec, marker, logFd, bornAt);
  } catch (cause) {
    throw cannotStart(spec, cause);
  } finally {
    closeSync(logFd);
  }
}

async function start(spec: ServiceSpec, marker: Marker, logFd: number, bornAt: number): Promise<Life> {
  const [program, ...args] = spec.definition.process?.command ?? [];
  if (program === undefined) throw new Error('its definition has no process.command');
  const child = spawn(program.includes('/') ? resolve(spec.bundleDir, program) : program, args, {
    cwd: spec.bundleDir,
    env: childEnv(spec, marker, process.env),
    detached: true,
    stdio: ['ignore', logFd, logFd],
  });
  // Node reaps no child before the event loop turns, so that even one that ended at once can still be looked at here.
  const stat = child.pid === undefined ? undefined : readStat(child.pid);
  const life = stat === undefined ? undefined : new Life(marker.instance, stat.pid, stat.startTicks, bornAt, child);
  child.unref();
  await new Promise<void>((done, fail) => {
    child.once('spawn', done);
    child.once('error', fail);
  });
  if (life === undefined) throw new Error('its process cannot be found under /proc');
  return life;
}

function cannotStart(spec: ServiceSpec, cause: unknown): LabError {
  const command = spec.definition.process?.command.join(' ') ?? '';
  const code = systemCode(cause);
  const missing = !existsSync(spec.bundleDir);
  const hint = missing
    ? `the bundle's folder ${spec.bundleDir} is not there: deploy the service again`
    : code === 'ENOENT'
      ? 'check that the program is installed on this node and spelled as in service.yaml'
      : code === 'EACCES'
        ? 'make the file executable in Git (chmod +x)'
        : 'see the log of the node';
  const said = code === undefined ? messageOf(cause) : code;
  return new LabError('plugin_failed', `${spec.service}: cannot start "${command}": ${said}`, {
    at: `${spec.node}/${spec.service}`,
    hint,
    cause,
  });
}
