/**
 * Reads a request by the schemas of its route: parameters, query, body. What a schema does not name is refused, so that a
 * misspelt member is an error and not a silence.
 */
import { LabError } from '@lab/sdk';
import type { HonoRequest } from 'hono';
import { z } from 'zod';
import type { Route } from './route.ts';

export const BODY_LIMIT_BYTES = 1_048_576;

const NOTHING = z.strictObject({});

export interface Input {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

export async function readInput(route: Route, request: HonoRequest): Promise<Input> {
  return {
    params: parse(route.params ?? NOTHING, request.param(), 'path'),
    query: parse(route.query ?? NOTHING, single(request.queries()), 'query'),
    body: route.body === undefined ? undefined : parse(route.body, await readBody(request.raw), 'body'),
  };
}

function parse(schema: z.ZodType, value: unknown, where: string): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => ({
    at: [where, ...issue.path.map(String)].join('.'),
    message: issue.message,
  }));
  const [first = { at: where, message: 'not valid' }] = issues;
  throw new LabError('usage', `${first.at}: ${first.message}`, { at: first.at, data: { issues } });
}

function single(queries: Record<string, string[]>): Record<string, string> {
  const members: [string, string][] = [];
  for (const [name, values] of Object.entries(queries)) {
    const [value = ''] = values;
    if (values.length > 1)
      throw new LabError('usage', `query.${name} is given ${values.length} times`, { at: `query.${name}` });
    members.push([name, value]);
  }
  return Object.fromEntries(members);
}

async function readBody(request: Request): Promise<unknown> {
  const type = request.headers.get('content-type') ?? '';
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new LabError('usage', `the body is ${type === '' ? 'of no type' : type}`, {
      at: 'Content-Type',
      hint: 'send application/json',
    });
  }
  const text = await readText(request);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LabError('usage', 'the body is not JSON', { at: 'body', cause });
  }
}

async function readText(request: Request): Promise<string> {
  if (Number(request.headers.get('content-length') ?? 0) > BODY_LIMIT_BYTES) throw tooLarge();
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > BODY_LIMIT_BYTES) throw tooLarge();
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function tooLarge(): LabError {
  return new LabError('too_large', `a body has at most ${BODY_LIMIT_BYTES} bytes`, { at: 'body' });
}
