/** Problem documents (RFC 9457): the only form in which the API says no. Status and code come from the table of errors. */
import { asLabError, ERRORS, type LabError, type ProblemDocument } from '@lab/sdk';

export function problemOf(error: LabError): ProblemDocument {
  const { status, summary } = ERRORS[error.code];
  return {
    ...error.data,
    type: `urn:lab:error:${error.code}`,
    title: summary,
    status,
    detail: error.message,
    code: error.code,
    ...(error.at === undefined ? {} : { at: error.at }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  };
}

/** `status` differs from the table's only where HTTP asks for its own: 405. */
export function problemResponse(cause: unknown, headers: Record<string, string> = {}, status?: number): Response {
  const problem = problemOf(asLabError(cause));
  const document = status === undefined ? problem : { ...problem, status };
  return new Response(`${JSON.stringify(document)}\n`, {
    status: document.status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
  });
}
