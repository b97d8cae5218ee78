/**
 * Talks to the hub: JSON in and out over node:http, a problem document becomes the `LabError` that it was. One connection a
 * request, no redirects, nothing is tried twice: an approval that may have arrived is not sent again.
 */
import type { IncomingMessage } from 'node:http';
import { ERRORS, type ErrorCode, LabError, systemCode } from '@lab/sdk/errors';
import type { ProblemDocument } from '@lab/sdk/views/views';
import { cleaned } from './cleaned.ts';

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface HubAddress {
  readonly url: string;
  readonly token: string | undefined;
  /** `user@host`, for the audit. */
  readonly who: string;
  /** Its answers are drawn for people, see cleaned.ts. */
  readonly drawn: boolean;
  /** The pid of a daemon that is there and may not listen yet. */
  readonly holder?: () => Promise<number | undefined>;
}

const PATIENCE_MS = 120_000;

export class Hub {
  readonly #address: HubAddress;

  constructor(address: HubAddress) {
    this.#address = address;
  }

  get url(): string {
    return this.#address.url;
  }

  get<Answer>(path: string, query: Query = {}, signal?: AbortSignal): Promise<Answer> {
    return this.#json('GET', path + queryText(query), undefined, signal);
  }

  post<Answer>(path: string, body: unknown): Promise<Answer> {
    return this.#json('POST', path, JSON.stringify(body));
  }

  delete<Answer>(path: string): Promise<Answer> {
    return this.#json('DELETE', path);
  }

  /** An answer that stays open. Throws as `get` does where it does not begin. */
  stream(path: string, query: Query, headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
    return this.#send('GET', path + queryText(query), { headers, signal });
  }

  /** For what comes on a stream. */
  parsed<Answer>(text: string): Answer {
    const value = JSON.parse(text) as Answer;
    return this.#address.drawn ? cleaned(value) : value;
  }

  async #json<Answer>(method: string, path: string, body?: string, signal?: AbortSignal): Promise<Answer> {
    const patience = { body, timeoutMs: PATIENCE_MS, ...(signal === undefined ? {} : { signal }) };
    const response = await this.#send(method, path, patience).catch(async (cause: unknown) => {
      throw await this.#orStarting(cause);
    });
    try {
      return this.parsed<Answer>(await textOf(response));
    } catch (cause) {
      throw this.#noAnswer(cause);
    }
  }

  async #send(
    method: string,
    path: string,
    {
      body,
      headers = {},
      signal,
      timeoutMs,
    }: { body?: string | undefined; headers?: Record<string, string>; signal?: AbortSignal; timeoutMs?: number },
  ): Promise<IncomingMessage> {
    const { url, token, who } = this.#address;
    // Not imported: as an ES module node:http also loads what fetch is made of, which doubles the time of a whole command.
    const { request: send } = process.getBuiltinModule(url.startsWith('https:') ? 'node:https' : 'node:http');
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = send(`${url}${path}`, {
        method,
        agent: false,
        ...(signal === undefined ? {} : { signal }),
        ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
        headers: {
          ...headers,
          'lab-operator': who,
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        },
      });
      request.once('response', resolve);
      request.once('error', (cause) => reject(signal?.aborted ? cause : this.#noAnswer(cause)));
      request.once('timeout', () => request.destroy(new Error(`no answer within ${PATIENCE_MS / 1000} s`)));
      request.end(body);
    });
    if ((response.statusCode ?? 0) < 400) return response;
    const problem = problemFrom(await textOf(response), response.statusCode ?? 0, url);
    throw token === undefined && problem.code === 'unauthenticated' ? noToken(url, problem) : problem;
  }

  async #orStarting(cause: unknown): Promise<unknown> {
    if (!(cause instanceof LabError) || systemCode(cause.cause) !== 'ECONNREFUSED') return cause;
    const pid = await this.#address.holder?.();
    if (pid === undefined) return cause;
    return new LabError('hub_unreachable', `the daemon (pid ${pid}) does not answer yet`, {
      cause,
      hint: 'it is starting or stopping, try again in a moment',
    });
  }

  #noAnswer(cause: unknown): LabError {
    const local = /^https?:\/\/(?:127\.|localhost|\[::1\])/.test(this.#address.url);
    return new LabError(
      'hub_unreachable',
      `no hub answers at ${this.#address.url} (${systemCode(cause) ?? 'no answer'})`,
      {
        cause,
        hint: local ? 'start it with ./lab up' : 'check the address and the network',
      },
    );
  }
}

function noToken(url: string, cause: LabError): LabError {
  return new LabError('unauthenticated', `no token for the hub at ${url} was found`, {
    cause,
    hint: 'it is in the runtime root of that hub: name its fleet (LAB_REPO) or root (LAB_ROOT), or set LAB_TOKEN',
  });
}

function queryText(query: Query): string {
  const members = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) members.set(name, String(value));
  const text = members.toString();
  return text === '' ? '' : `?${text}`;
}

async function textOf(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response) text += chunk;
  return text;
}

function problemFrom(text: string, status: number, url: string): LabError {
  let problem: Partial<ProblemDocument> = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (parsed !== null && typeof parsed === 'object') problem = cleaned(parsed);
  } catch {
    // Whoever answered is no hub of ours: said below.
  }
  if (typeof problem.code !== 'string' || typeof problem.detail !== 'string') {
    return new LabError('internal', `what answers at ${url} is no hub (HTTP ${status})`, {
      hint: 'check LAB_URL and LAB_PORT',
    });
  }
  return new LabError(problem.code in ERRORS ? (problem.code as ErrorCode) : 'internal', problem.detail, {
    ...(problem.at === undefined ? {} : { at: problem.at }),
    ...(problem.hint === undefined ? {} : { hint: problem.hint }),
    data: problem,
  });
}
