/** Where things are: the root, the fleet, the hub and its token, from options and environment. Reads small files, writes none. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { LabError, systemCode } from '@lab/sdk/errors';
import type { Args } from './args.ts';

export const DEFAULT_PORT = 18180;

export interface Settings {
  /** The project's folder: where the launcher is. */
  readonly home: string;
  /** The fleet's directory. */
  readonly repo: string;
  /** The runtime root. */
  readonly root: string;
  readonly url: string;
  readonly port: number;
  /** Undefined where there is none to read. */
  token(): string | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

export function settingsFrom(env: Env, args: Args): Settings {
  const home = resolve(env.LAB_HOME || join(import.meta.dirname, '../..'));
  const root = resolve(args.value('root') ?? (env.LAB_ROOT || join(home, '.lab')));
  const port = portOf(env);
  return {
    home,
    root,
    repo: resolve(args.value('repo') ?? (env.LAB_REPO || home)),
    port: port ?? DEFAULT_PORT,
    url: urlOf(args.value('url') ?? env.LAB_URL, port, root),
    token: () => env.LAB_TOKEN || read(join(root, 'state/secure/token'))?.trim() || undefined,
  };
}

function portOf(env: Env): number | undefined {
  if (!env.LAB_PORT) return undefined;
  const port = Number(env.LAB_PORT);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new LabError('usage', `LAB_PORT ${JSON.stringify(env.LAB_PORT)} is no port`, {
    hint: 'a port is a number from 1 to 65535',
  });
}

/** Asked for, else by the port asked for, else where the daemon of this root says that it listens. */
function urlOf(asked: string | undefined, port: number | undefined, root: string): string {
  if (asked) {
    const url = URL.canParse(asked) ? new URL(asked) : undefined;
    if (url?.protocol === 'http:' || url?.protocol === 'https:') return asked.replace(/\/+$/, '');
    throw new LabError('usage', `${JSON.stringify(asked)} is no address of a hub`, {
      hint: `write it as http://127.0.0.1:${DEFAULT_PORT}`,
    });
  }
  if (port !== undefined) return `http://127.0.0.1:${port}`;
  return listening(root)?.url ?? `http://127.0.0.1:${DEFAULT_PORT}`;
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
