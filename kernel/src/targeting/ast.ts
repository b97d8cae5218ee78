/**
 * A target query as a value, and how it is written.
 *
 * INVARIANTS: immutable; an `and` holds no `and` and an `or` no `or` directly, and each has two members or more, if it was made
 * with `allOf` and `anyOf`; `parseQuery(formatQuery(query))` equals `query`. `!=` and `not in` are a `not` over the positive form.
 */

export type Query =
  | { readonly kind: 'all' }
  | { readonly kind: 'node'; readonly name: string }
  | { readonly kind: 'service'; readonly name: string }
  | { readonly kind: 'group'; readonly name: string }
  | { readonly kind: 'equals'; readonly key: string; readonly value: string }
  | { readonly kind: 'in'; readonly key: string; readonly values: readonly string[] }
  | { readonly kind: 'has'; readonly key: string }
  | { readonly kind: 'not'; readonly of: Query }
  | { readonly kind: 'and'; readonly of: readonly Query[] }
  | { readonly kind: 'or'; readonly of: readonly Query[] };

export const EVERYTHING: Query = Object.freeze({ kind: 'all' });
export const NOTHING: Query = not(EVERYTHING);

export function not(of: Query): Query {
  return Object.freeze({ kind: 'not', of });
}

/** The `and` of all; everything for none. */
export function allOf(parts: readonly Query[]): Query {
  return joined('and', parts, EVERYTHING);
}

/** The `or` of all; nothing for none. */
export function anyOf(parts: readonly Query[]): Query {
  return joined('or', parts, NOTHING);
}

function joined(kind: 'and' | 'or', parts: readonly Query[], none: Query): Query {
  const of = parts.flatMap((part) => (part.kind === kind ? part.of : [part]));
  return of.length > 1 ? Object.freeze({ kind, of: Object.freeze(of) }) : (of[0] ?? none);
}

/** Words that mean something by themselves: as a key or a value they are quoted. */
export const KEYWORDS: ReadonlySet<string> = new Set(['and', 'or', 'not', 'in', 'has']);
/** Keys that ask for the thing of that name, not for a label: as a label they are quoted. */
export const FIELDS = ['node', 'service', 'group'] as const;
export type Field = (typeof FIELDS)[number];
export const PLAIN_KEY = /[A-Za-z0-9_][A-Za-z0-9_./-]*/y;
export const PLAIN_VALUE = /[A-Za-z0-9_./:@+-]+/y;

/** How tightly each form binds. */
const RANK = { or: 1, and: 2, not: 3 } as const;

/** The canonical way to write it. */
export function formatQuery(query: Query): string {
  return written(query, 0);
}

function written(query: Query, outer: number): string {
  switch (query.kind) {
    case 'all':
      return '*';
    case 'node':
    case 'service':
    case 'group':
      return `${query.kind}:${query.name}`;
    case 'equals':
      return `${key(query.key)}=${value(query.value)}`;
    case 'in':
      return `${key(query.key)} in (${query.values.map(value).join(', ')})`;
    case 'has':
      return `has(${key(query.key)})`;
    case 'not':
      if (query.of.kind === 'equals') return `${key(query.of.key)}!=${value(query.of.value)}`;
      if (query.of.kind === 'in') return `${key(query.of.key)} not in (${query.of.values.map(value).join(', ')})`;
      return `not ${written(query.of, RANK.not)}`;
    case 'and':
    case 'or': {
      const rank = RANK[query.kind];
      const text = query.of.map((part) => written(part, rank + 1)).join(` ${query.kind} `);
      return rank < outer ? `(${text})` : text;
    }
  }
}

function key(text: string): string {
  const reserved = KEYWORDS.has(text) || FIELDS.some((field) => field === text);
  return !reserved && whole(PLAIN_KEY, text) ? text : quoted(text);
}

function value(text: string): string {
  return !KEYWORDS.has(text) && whole(PLAIN_VALUE, text) ? text : quoted(text);
}

function whole(pattern: RegExp, text: string): boolean {
  pattern.lastIndex = 0;
  return pattern.test(text) && pattern.lastIndex === text.length;
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}
