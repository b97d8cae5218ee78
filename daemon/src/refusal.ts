/** Why the daemon would not start, as lines for whoever sits at its parent. */
import type { LabError } from '@lab/sdk/errors';
import type { ProblemView } from '@lab/sdk/views/views';

const SHOWN = 20;

export function refusalLines(error: LabError): string[] {
  const problems = (error.data?.problems ?? []) as readonly ProblemView[];
  const errors = problems.filter(({ severity }) => severity === 'error');
  const shown = errors
    .slice(0, SHOWN)
    .flatMap(({ at, message, excerpt }) => [
      `${at}  ${message}`,
      ...(excerpt === undefined ? [] : excerpt.split('\n')),
    ]);
  const more = errors.length > SHOWN ? [`and ${errors.length - SHOWN} more`] : [];
  return [
    ...shown,
    ...more,
    `error: ${error.message}`,
    ...(error.at === undefined || error.message.includes(error.at) ? [] : [`  ${error.at}`]),
    ...(error.hint === undefined ? [] : [`  ${error.hint}`]),
  ];
}
