/**
 * Where things are: the root, the fleet, the hub and its token, from options and environment.
 *
 * A fleet's root is `.lab` in its directory unless LAB_ROOT says another, so that two fleets never share one. Who names
 * neither talks to the hub that is there: that of the example fleet, else the one that this user started last (`lab up` leaves a note).
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { LabError, systemCode } from '@lab/sdk/errors';
import type { Args } from './args.ts';

export const DEFAULT_PORT = 18180;

export interface Settings {
  /** The project's folder: where the launcher is. */
  readonly home: string;
  /** The fleet's directory. */
  readonly repo: string;
  /** The runtime root of the fleet. */
  readonly root: string;
  /** The root of the hub that is talked to; another than `root` only where neither root nor fleet was named. */
  readonly hubRoot: string;
  readonly url: string;
  readonly port: number;
  /** Undefined where there is none to read. */
  token(): string | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

export function settingsFrom(env: Env, args: Args): Settings {
  const home = resolve(env.LAB_HOME || join(import.meta.dirname, '../..'));
  const repo = args.value('repo') ?? (env.LAB_REPO || undefined);
  const asked = args.value('root') ?? (env.LAB_ROOT || undefined);
  const root = resolve(asked ?? join(repo ?? home, '.lab'));
  const port = portOf(env);
  const wanted = addressAsked(args.value('url') ?? env.LAB_URL, port);
  const hubRoot = asked === undefined && repo === undefined ? rootOfHub(root, wanted, env) : root;
  return {
    home,
    root,
    hubRoot,
    repo: resolve(repo ?? home),
    port: port ?? DEFAULT_PORT,
    url: wanted ?? listening(hubRoot)?.url ?? `http://127.0.0.1:${DEFAULT_PORT}`,
    token: () => env.LAB_TOKEN || read(join(hubRoot, 'state/secure/token'))?.trim() || undefined,
  };
}

/** The example fleet's where a hub is up there, else the one in the note, else the example fleet's. */
function rootOfHub(root: string, wanted: string | undefined, env: Env): string {
  const noted = readQuietly(notePath(env))?.trim();
  const isUp = (candidate: string): boolean => {
    const hub = listening(candidate);
    return hub !== undefined && (wanted === undefined || hub.url === wanted) && isAlive(hub.pid);
  };
  return [root, ...(noted ? [noted] : [])].find(isUp) ?? root;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return systemCode(cause) === 'EPERM';
  }
}

/** Left by `lab up` for the next terminal. Losing it costs naming the fleet. */
export function noteRoot(env: Env, root: string): void {
  const path = notePath(env);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, `${root}\n`, { mode: 0o600 });
  } catch {
    // See above.
  }
}

function notePath(env: Env): string {
  return join(stateDir(env), 'root');
}

/** Where what belongs to a user, and to no root, is kept. */
export function stateDir(env: Env): string {
  return join(env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local/state'), 'lab');
}

function portOf(env: Env): number | undefined {
  if (!env.LAB_PORT) return undefined;
  const port = Number(env.LAB_PORT);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new LabError('usage', `LAB_PORT ${JSON.stringify(env.LAB_PORT)} is no port`, {
    hint: 'a port is a number from 1 to 65535',
  });
}

/** Asked for, by its address or by its port. */
function addressAsked(asked: string | undefined, port: number | undefined): string | undefined {
  if (!asked) return port === undefined ? undefined : `http://127.0.0.1:${port}`;
  const url = URL.canParse(asked) ? new URL(asked) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return asked.replace(/\/+$/, '');
  throw new LabError('usage', `${JSON.stringify(asked)} is no address of a hub`, {
    hint: `write it as http://127.0.0.1:${DEFAULT_PORT}`,
  });
}

/** What the daemon of a root wrote about itself, where it is there and readable. */
export function listening(root: string): { url: string; pid: number } | undefined {
  try {
    const { url, pid } = JSON.parse(read(join(root, 'state/hub.json')) ?? 'null') ?? {};
    return typeof url === 'string' && URL.canParse(url) && Number.isInteger(pid) ? { url, pid } : undefined;
  } catch {
    return undefined;
  }
}

function readQuietly(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (systemCode(cause) === 'EACCES') {
      throw new LabError('not_allowed', 'the token of this root may not be read by this user', {
        at: path,
        cause,
        hint: 'be its owner, or set LAB_TOKEN',
      });
    }
    return undefined;
  }
}
