/**
 * Groups of targets: each is the union of the groups that it nests and of what it matches, minus what it excepts.
 *
 * INVARIANTS: every group is one query, whose groups all exist; no group leads to itself, on any way (nesting, match, except);
 * nesting is at most `DEEPEST` levels. A group that is given nothing has no members.
 */
import { LabError } from '@lab/sdk';
import { allOf, anyOf, not, type Query } from './ast.ts';
import { nearest } from './nearest.ts';
import { groupsIn, parseQuery } from './query.ts';

export interface GroupDefinition {
  readonly groups?: readonly string[] | undefined;
  readonly match?: string | undefined;
  readonly except?: string | undefined;
}

/** What is wrong with a definition, with what it takes to point at the place in its file. */
export interface GroupProblem {
  readonly group: string;
  readonly field: 'groups' | 'match' | 'except';
  /** Which of `groups`. */
  readonly index?: number;
  /** Column in the query, from 1. */
  readonly column?: number;
  readonly message: string;
}

export const DEEPEST = 64;

export class Groups {
  readonly #queries: ReadonlyMap<string, Query>;

  constructor(queries: ReadonlyMap<string, Query> = new Map()) {
    this.#queries = queries;
  }

  has(name: string): boolean {
    return this.#queries.has(name);
  }

  keys(): Iterable<string> {
    return this.#queries.keys();
  }

  /** What a group selects. Throws `target_invalid` where there is none of that name. */
  query(name: string): Query {
    const query = this.#queries.get(name);
    if (query === undefined) {
      throw new LabError('target_invalid', `there is no group "${name}"${meant(name, this.keys())}`, {
        data: { group: name },
      });
    }
    return query;
  }
}

/** Throws `target_invalid` with every problem at once: `data.problems` is a list of `GroupProblem`. */
export function compileGroups(definitions: ReadonlyMap<string, GroupDefinition>): Groups {
  const problems: GroupProblem[] = [];
  const queries = new Map<string, Query>();
  for (const [group, definition] of definitions) queries.set(group, compiled(group, definition, definitions, problems));
  findCycles(queries, problems);
  if (problems.length > 0) {
    const message = problems.map((problem) => `group ${problem.group}: ${problem.message}`).join('\n');
    throw new LabError('target_invalid', message, { data: { problems } });
  }
  return new Groups(queries);
}

function compiled(
  group: string,
  definition: GroupDefinition,
  known: ReadonlyMap<string, GroupDefinition>,
  problems: GroupProblem[],
): Query {
  const parsed = (field: 'match' | 'except'): Query[] => {
    const text = definition[field];
    if (text === undefined) return [];
    try {
      return [parseQuery(text, known)];
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      const column = error.data?.column;
      problems.push({ group, field, message: error.message, ...(typeof column === 'number' ? { column } : {}) });
      return [];
    }
  };
  const parts: Query[] = [];
  for (const [index, name] of (definition.groups ?? []).entries()) {
    if (known.has(name)) parts.push({ kind: 'group', name });
    else {
      const message = `there is no group "${name}"${meant(name, known.keys())}`;
      problems.push({ group, field: 'groups', index, message });
    }
  }
  parts.push(...parsed('match'));
  const except = parsed('except');
  if (except.length > 0 && definition.groups === undefined && definition.match === undefined) {
    problems.push({
      group,
      field: 'except',
      message: 'except without groups or match leaves nothing; match: "*" is everything',
    });
  }
  return allOf([anyOf(parts), ...except.map(not)]);
}

function findCycles(queries: ReadonlyMap<string, Query>, problems: GroupProblem[]): void {
  const height = new Map<string, number>();
  const path: string[] = [];
  const visit = (name: string): number => {
    const known = height.get(name);
    if (known !== undefined) return known;
    const seen = path.indexOf(name);
    if (seen >= 0) {
      const cycle = [...path.slice(seen), name].join(' → ');
      problems.push({ group: name, field: 'groups', message: `it contains itself: ${cycle}` });
      return 0;
    }
    // Also what keeps this recursion off the end of the stack.
    if (path.length >= DEEPEST) return DEEPEST;
    path.push(name);
    const query = queries.get(name);
    let deepest = 0;
    if (query) for (const inner of new Set(groupsIn(query))) deepest = Math.max(deepest, visit(inner));
    path.pop();
    height.set(name, deepest + 1);
    return deepest + 1;
  };
  for (const name of queries.keys()) {
    if (visit(name) > DEEPEST) {
      problems.push({ group: name, field: 'groups', message: `groups nest deeper than ${DEEPEST} levels` });
      return;
    }
  }
}

function meant(name: string, candidates: Iterable<string>): string {
  const near = nearest(name, candidates);
  return near === undefined ? '' : `; did you mean ${near}`;
}
