/** Listens for the application on a loopback port, and closes in order: streams first, then what is idle, then the rest. */
import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { LabError, messageOf, systemCode } from '@lab/sdk';
import type { Hono } from 'hono';

export interface Served {
  readonly port: number;
  readonly url: string;
  /** Ends open connections; resolves when the port is free again. */
  close(): Promise<void>;
}

export interface ServeOptions {
  readonly app: Hono;
  /** 0 for a free one. */
  readonly port: number;
  readonly host?: string;
}

export async function serve({ app, port, host = '127.0.0.1' }: ServeOptions): Promise<Served> {
  const server = createAdaptorServer({ fetch: app.fetch, hostname: host }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(listenError(cause, host, port)));
    server.listen(port, host, resolve);
  });
  const address = server.address();
  const bound = address !== null && typeof address === 'object' ? address.port : port;
  return {
    port: bound,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)));
        server.closeAllConnections();
      }),
  };
}

function listenError(cause: unknown, host: string, port: number): LabError {
  const at = `${host}:${port}`;
  if (systemCode(cause) === 'EADDRINUSE') {
    return new LabError('conflict', `port ${port} is taken by another program`, {
      at,
      cause,
      hint: 'choose another: LAB_PORT=18181 ./lab up',
    });
  }
  if (systemCode(cause) === 'EACCES') {
    return new LabError('not_allowed', `port ${port} may not be opened by this user`, {
      at,
      cause,
      hint: 'choose one above 1023: LAB_PORT=18180',
    });
  }
  return new LabError('internal', `cannot listen: ${messageOf(cause)}`, { at, cause });
}
