/** How an error looks: what, then indented where and what to do next. Its code decides how the command ends. */
import { asLabError, ERRORS, type LabError } from '@lab/sdk/errors';
import type { Io } from './terminal/io.ts';
import type { Style } from './terminal/style.ts';

export function fail(io: Io, style: Style, cause: unknown): number {
  const error = asLabError(cause);
  io.err(`${errorText(error, style)}\n`);
  if (error.code === 'internal' && io.env.LAB_DEBUG && error.stack !== undefined) io.err(`${error.stack}\n`);
  return ERRORS[error.code].exit;
}

export function errorText(error: LabError, style: Style): string {
  const head = `${style('bad', 'error:')} ${error.message}`;
  if (error.code === 'hub_unreachable') return error.hint === undefined ? head : `${head}: ${error.hint}`;
  const more: string[] = [];
  if (error.at !== undefined && !error.message.includes(error.at)) more.push(`at ${error.at}`);
  if (error.hint !== undefined) more.push(...error.hint.split('\n'));
  return [head, ...more.map((line) => `  ${line}`)].join('\n');
}
