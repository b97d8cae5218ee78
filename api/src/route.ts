/**
 * What a route is: one row of the table in routes.ts, which the application is built from. Owns the form of a row; reading
 * the request by its schemas is input.ts, the rows themselves are routes.ts.
 */
import type { Clock } from '@lab/sdk';
import type { Context } from 'hono';
import type { z } from 'zod';
import type { Caller, ControlPlane } from './control-plane.ts';

/** `open` needs no token. The others are there for accounts; until those exist one token holds every role. */
export type Role = 'open' | 'viewer' | 'operator';

/** What a handler gets: the request as its schemas read it. */
export interface Call<Params = unknown, Query = unknown, Body = unknown> {
  readonly plane: ControlPlane;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly caller: Caller;
  /** Aborted when the client goes away or the server closes. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly version: string;
  readonly context: Context;
}

interface RouteHead<Params, Query, Body> {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly role: Role;
  readonly summary: string;
  readonly params?: z.ZodType<Params>;
  readonly query?: z.ZodType<Query>;
  readonly body?: z.ZodType<Body>;
}

/** Answers JSON of `answer`. */
export interface JsonRoute<Params = unknown, Query = unknown, Body = unknown, Answer = unknown>
  extends RouteHead<Params, Query, Body> {
  readonly answer: z.ZodType<Answer>;
  handle(call: Call<Params, Query, Body>): Promise<Answer>;
  /** 200 unless told. */
  status?(answer: Answer): 200 | 503;
}

/** Answers something else: text, or a stream that stays open. */
export interface RawRoute<Params = unknown, Query = unknown, Body = unknown> extends RouteHead<Params, Query, Body> {
  readonly type: 'text/plain' | 'text/event-stream';
  respond(call: Call<Params, Query, Body>): Promise<Response>;
}

export type Route = JsonRoute | RawRoute;

/** These two only infer the types of a row from its schemas. */
export function json<Params, Query, Body, Answer>(route: JsonRoute<Params, Query, Body, Answer>): JsonRoute {
  return route;
}

export function raw<Params, Query, Body>(route: RawRoute<Params, Query, Body>): RawRoute {
  return route;
}
