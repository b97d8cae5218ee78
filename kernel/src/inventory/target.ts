/** A target as it stands in a file: parsed, with what is wrong in it at its very column. */
import { LabError } from '@lab/sdk/errors';
import type { Groups } from '../targeting/groups.ts';
import { parseQuery, type Query } from '../targeting/query.ts';
import type { Document, Path } from './document.ts';
import type { Problems } from './problem.ts';

/** Undefined where it is no query; the problems say why. */
export function readTarget(
  document: Document,
  path: Path,
  text: string,
  groups: Groups,
  problems: Problems,
): Query | undefined {
  try {
    return parseQuery(text, groups);
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    const column = error.data?.column;
    const problem = error.data?.problem;
    const place = typeof column === 'number' ? document.inside(path, column - 1) : document.place(path);
    problems.error(place, `target: ${typeof problem === 'string' ? problem : error.message}`, 'here');
    return undefined;
  }
}
