/**
 * The application: the table of routes behind the guard. Every answer that is not what was asked for is a problem document,
 * also for a path or a method that is not there. Does not listen: that is serve.ts.
 */
import { createHash } from 'node:crypto';
import { asLabError, type Clock, LabError, type Log } from '@lab/sdk';
import { Hono } from 'hono';
import type { Caller, ControlPlane } from './control-plane.ts';
import { Guard } from './guard.ts';
import { readInput } from './input.ts';
import { problemResponse } from './problem.ts';
import type { Call, Route } from './route.ts';
import { ROUTES } from './routes.ts';

export interface AppOptions {
  readonly plane: ControlPlane;
  readonly token: string;
  readonly version: string;
  readonly clock: Clock;
  /** Aborted when the server closes: streams end with it. */
  readonly closing?: AbortSignal;
  /** Where errors that should not be (code `internal`) are told. */
  readonly log?: Log;
}

export function createApp({ plane, token, version, clock, closing, log }: AppOptions): Hono {
  const app = new Hono();
  const guard = new Guard(token);
  app.onError((cause) => {
    const error = asLabError(cause);
    if (error.code === 'internal') log?.error('a request failed', { error: error.message, stack: cause.stack ?? '' });
    return problemResponse(error, error.code === 'unauthenticated' ? { 'www-authenticate': 'Bearer' } : {});
  });
  app.use(async (context, next) => {
    const { req } = context;
    guard.place(req.header('host') ?? new URL(req.url).host, req.header('origin'));
    await next();
  });
  for (const route of ROUTES) {
    app.on(route.method, route.path, async (context) => {
      guard.role(route.role, context.req.header('authorization'));
      const input = await readInput(route, context.req);
      const client = context.req.raw.signal;
      return answer(route, {
        ...input,
        plane,
        clock,
        version,
        context,
        caller: callerOf(context.req.header('lab-operator')),
        signal: closing === undefined ? client : AbortSignal.any([client, closing]),
      });
    });
  }
  for (const [path, methods] of methodsByPath()) {
    app.all(path, ({ req }) => {
      guard.role('viewer', req.header('authorization'));
      const allow = methods.join(', ');
      return problemResponse(
        new LabError('usage', `${req.path} does not take ${req.method}`, { at: req.path, hint: `it takes ${allow}` }),
        { allow },
        405,
      );
    });
  }
  app.notFound(({ req }) => {
    guard.role('viewer', req.header('authorization'));
    throw new LabError('not_found', `there is no ${req.path} here`, {
      at: req.path,
      hint: 'docs/http-api.md lists the routes',
    });
  });
  return app;
}

async function answer(route: Route, call: Call): Promise<Response> {
  if ('respond' in route) return await route.respond(call);
  const value = await route.handle(call);
  const status = route.status?.(value) ?? 200;
  const body = `${JSON.stringify(value)}\n`;
  const headers: Record<string, string> = { 'content-type': 'application/json', 'cache-control': 'no-cache' };
  if (route.method === 'GET' && status === 200) {
    headers.etag = tagOf(value, body);
    if (
      call.context.req
        .header('if-none-match')
        ?.split(/\s*,\s*/)
        .includes(headers.etag)
    ) {
      return new Response(null, { status: 304, headers });
    }
  }
  return new Response(body, { status, headers });
}

/** Weak: it leaves out the instant at which the answer was made, which alone is no news. */
function tagOf(value: unknown, body: string): string {
  const text =
    value !== null && typeof value === 'object' && 'at' in value ? JSON.stringify({ ...value, at: '' }) : body;
  return `W/"${createHash('sha256').update(text).digest('base64url').slice(0, 27)}"`;
}

/** Until accounts exist the audit has to believe who the holder of the token says he is. */
function callerOf(header: string | undefined): Caller {
  const who = header !== undefined && /^[\w.@+-]{1,100}$/.test(header) ? header : 'operator';
  return { who, via: 'api' };
}

function methodsByPath(): Map<string, string[]> {
  const methods = new Map<string, string[]>();
  for (const { path, method } of ROUTES) methods.set(path, [...(methods.get(path) ?? []), method]);
  return methods;
}
