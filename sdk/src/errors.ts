/**
 * The one table of errors. A code decides the HTTP status, the exit code of the CLI and the summary; whoever throws adds
 * what failed, on which object, and what to do next. docs/errors.md is generated from this table.
 */

interface ErrorKind {
  readonly status: number;
  readonly exit: number;
  readonly summary: string;
}

/** Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 not allowed, 5 conflict or stale, 6 waits for approval, 7 target out of reach (queued), 8 hub out of reach. */
export const ERRORS = {
  internal: { status: 500, exit: 1, summary: 'lab failed in a way it should not' },
  invalid: { status: 422, exit: 1, summary: 'what was given is not valid' },
  inventory_invalid: { status: 422, exit: 1, summary: 'the fleet has problems' },
  usage: { status: 400, exit: 2, summary: 'the request is not of the form that this expects' },
  target_invalid: { status: 400, exit: 2, summary: 'the target query is not valid' },
  not_found: { status: 404, exit: 3, summary: 'there is no such thing' },
  unauthenticated: { status: 401, exit: 4, summary: 'no valid token came with the request' },
  not_allowed: { status: 403, exit: 4, summary: 'this is not allowed' },
  conflict: { status: 409, exit: 5, summary: 'somebody else was first' },
  stale: { status: 409, exit: 5, summary: 'what you saw is no longer what it is' },
  root_held: { status: 409, exit: 5, summary: 'another daemon holds this root' },
  waits: { status: 409, exit: 6, summary: 'this waits for an approval' },
  too_large: { status: 413, exit: 1, summary: 'too large' },
  unreachable: { status: 503, exit: 7, summary: 'the target is out of reach' },
  hub_unreachable: { status: 503, exit: 8, summary: 'no hub answers' },
  plugin_failed: { status: 500, exit: 1, summary: 'a plugin failed' },
  timeout: { status: 504, exit: 1, summary: 'it took too long' },
  cancelled: { status: 409, exit: 1, summary: 'it was cancelled' },
  disk: { status: 507, exit: 1, summary: 'the disk refused' },
  corrupt: { status: 500, exit: 1, summary: 'a file cannot be read' },
  refused: { status: 409, exit: 5, summary: 'the other end refused' },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

export interface ErrorDetail {
  /** The object it happened on: a file with line and column, an action id, a node. */
  readonly at?: string;
  /** The next act, as an imperative. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** Machine-readable additions; they end up as members of the problem document. */
  readonly data?: Readonly<Record<string, unknown>>;
}

export class LabError extends Error {
  readonly code: ErrorCode;
  readonly at: string | undefined;
  readonly hint: string | undefined;
  readonly data: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'LabError';
    this.code = code;
    this.at = detail.at;
    this.hint = detail.hint;
    this.data = detail.data;
  }
}

/** A `LabError` as it is, anything else wrapped as `code` with its cause kept. */
export function asLabError(cause: unknown, code: ErrorCode = 'internal', detail: ErrorDetail = {}): LabError {
  if (cause instanceof LabError) return cause;
  return new LabError(code, messageOf(cause), { ...detail, cause });
}

export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** The `code` of a Node system error (ENOENT, EEXIST …), or undefined. */
export function systemCode(cause: unknown): string | undefined {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
}
