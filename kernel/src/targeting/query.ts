/**
 * The query language of targets, from text to a `Query`.
 *
 *   list  = or { "," or }                         comma is `and`, and binds loosest
 *   or    = and { "or" and }
 *   and   = not { "and" not }
 *   not   = { "not" } term
 *   term  = "*" | "(" list ")" | "has" "(" key ")"
 *         | key ( "=" | "!=" | ":" ) value | key [ "not" ] "in" "(" value { "," value } ")"
 *
 * `node`, `service` and `group` as a key ask for the thing of that name; quoted ("node") they are labels like all others.
 * Keys and values of other characters, and the words above, are quoted, with \ before a quote or a backslash.
 *
 * INVARIANTS: whatever the text, the answer is a query or `target_invalid` with the column (from 1) in `data.column`; length,
 * nesting and number of terms are bounded, so that no text can exhaust the stack or the time of whoever evaluates it.
 */
import { isName, LabError } from '@lab/sdk';
import {
  allOf,
  anyOf,
  EVERYTHING,
  FIELDS,
  type Field,
  KEYWORDS,
  not,
  PLAIN_KEY,
  PLAIN_VALUE,
  type Query,
} from './ast.ts';
import { nearest } from './nearest.ts';

export { formatQuery, type Query } from './ast.ts';

export const LIMITS = { length: 4_096, nesting: 64, terms: 512 } as const;

/** The names of groups that exist: a map or a set of them will do. */
export interface KnownGroups {
  has(name: string): boolean;
  keys(): Iterable<string>;
}

/** With `groups` given, an unknown one is an error at its column too. Throws `target_invalid`. */
export function parseQuery(text: string, groups?: KnownGroups): Query {
  return new Parser(text, groups).query();
}

/** Throws `target_invalid` for the first group in `query` that does not exist. */
export function checkGroups(query: Query, groups: KnownGroups): void {
  for (const name of groupsIn(query)) {
    if (!groups.has(name)) {
      throw new LabError('target_invalid', unknownGroup(name, groups), { data: { group: name } });
    }
  }
}

/** Names of the groups that a query refers to, in the order in which they are written. */
export function* groupsIn(query: Query): Generator<string> {
  if (query.kind === 'group') yield query.name;
  else if (query.kind === 'not') yield* groupsIn(query.of);
  else if (query.kind === 'and' || query.kind === 'or') for (const part of query.of) yield* groupsIn(part);
}

function unknownGroup(name: string, groups: KnownGroups): string {
  const near = nearest(name, groups.keys());
  return `there is no group "${name}"${near === undefined ? '' : `; did you mean ${near}`}`;
}

const SPACE = /\s*/y;
const WORD = /[A-Za-z]+/y;

class Parser {
  readonly #text: string;
  readonly #groups: KnownGroups | undefined;
  #at = 0;
  #nesting = 0;
  #terms = 0;

  constructor(text: string, groups: KnownGroups | undefined) {
    this.#text = text;
    this.#groups = groups;
  }

  query(): Query {
    if (this.#text.length > LIMITS.length) {
      throw this.#error(LIMITS.length, `a query has at most ${LIMITS.length} characters`);
    }
    this.#space();
    if (this.#at === this.#text.length) throw this.#error(0, 'the query is empty; * selects everything');
    const query = this.#list();
    if (this.#at < this.#text.length) {
      if (this.#text[this.#at] === ')') throw this.#error(this.#at, 'this ) closes nothing');
      throw this.#error(this.#at, 'expected and, or, a comma or the end');
    }
    return query;
  }

  #list(): Query {
    const parts = [this.#or()];
    while (this.#symbol(',')) parts.push(this.#or());
    return allOf(parts);
  }

  #or(): Query {
    const parts = [this.#and()];
    while (this.#word('or')) parts.push(this.#and());
    return anyOf(parts);
  }

  #and(): Query {
    const parts = [this.#not()];
    while (this.#word('and')) parts.push(this.#not());
    return allOf(parts);
  }

  #not(): Query {
    const start = this.#at;
    if (!this.#word('not')) return this.#term();
    return this.#nested(start, () => not(this.#not()));
  }

  #nested(start: number, inner: () => Query): Query {
    if (++this.#nesting > LIMITS.nesting) throw this.#error(start, `nested deeper than ${LIMITS.nesting}`);
    const query = inner();
    this.#nesting--;
    return query;
  }

  #term(): Query {
    const start = this.#at;
    if (this.#symbol('*')) return this.#counted(start, EVERYTHING);
    if (this.#symbol('(')) {
      return this.#nested(start, () => {
        const query = this.#list();
        this.#close(start, 'and, or, a comma or )');
        return query;
      });
    }
    const bare = this.#text[start] !== '"' && this.#text[start] !== "'";
    const key = this.#key();
    if (bare && key === 'has' && this.#text[this.#at] === '(') return this.#has(start);
    if (bare && KEYWORDS.has(key)) {
      const problem = key === 'has' ? 'expected ( after has' : `expected a term before ${key}`;
      throw this.#error(key === 'has' ? this.#at : start, `${problem}; a label of that name is written "${key}"`);
    }
    const field = bare ? FIELDS.find((name) => name === key) : undefined;
    if (this.#symbol('!=')) return not(this.#equals(start, key, field));
    if (this.#symbol('=') || this.#symbol(':')) return this.#equals(start, key, field);
    const before = this.#at;
    const negated = this.#word('not');
    if (this.#word('in')) {
      const query = this.#in(start, key, field);
      return negated ? not(query) : query;
    }
    if (negated) throw this.#error(this.#at, 'expected in after not');
    throw this.#error(
      before,
      `expected =, !=, :, in or not in after ${key}; has(${key}) asks whether the label is there`,
    );
  }

  #has(start: number): Query {
    const open = this.#at;
    this.#symbol('(');
    const key = this.#key();
    this.#close(open, ')');
    return this.#counted(start, Object.freeze({ kind: 'has', key }));
  }

  #equals(start: number, key: string, field: Field | undefined): Query {
    const at = this.#at;
    const value = this.#value();
    return this.#counted(start, field ? this.#named(at, field, value) : Object.freeze({ kind: 'equals', key, value }));
  }

  #in(start: number, key: string, field: Field | undefined): Query {
    const open = this.#at;
    if (!this.#symbol('(')) throw this.#error(open, 'expected ( and a list of values');
    const values: string[] = [];
    const named: Query[] = [];
    do {
      const at = this.#at;
      const value = this.#value();
      values.push(value);
      if (field) named.push(this.#named(at, field, value));
      this.#counted(start, EVERYTHING);
    } while (this.#symbol(','));
    this.#close(open, 'a comma or )');
    return field ? anyOf(named) : Object.freeze({ kind: 'in', key, values: Object.freeze(values) });
  }

  #named(at: number, kind: Field, name: string): Query {
    if (!isName(name)) throw this.#error(at, `the name of a ${kind} is a-z, 0-9 and -, at most 63 characters`);
    if (kind === 'group' && this.#groups && !this.#groups.has(name)) {
      throw this.#error(at, unknownGroup(name, this.#groups));
    }
    return Object.freeze({ kind, name });
  }

  #counted(start: number, query: Query): Query {
    if (++this.#terms > LIMITS.terms) throw this.#error(start, `more than ${LIMITS.terms} terms`);
    return query;
  }

  #key(): string {
    return this.#quoted() ?? this.#match(PLAIN_KEY, 'a label, node:, service:, group:, has(…), not, ( or *');
  }

  #value(): string {
    const start = this.#at;
    const quoted = this.#quoted();
    if (quoted !== undefined) return quoted;
    const value = this.#match(
      PLAIN_VALUE,
      'a value; one with other characters than A-Z a-z 0-9 _ . / : @ + - is quoted',
    );
    if (KEYWORDS.has(value)) throw this.#error(start, `expected a value; the value ${value} is written "${value}"`);
    return value;
  }

  #match(pattern: RegExp, expected: string): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) throw this.#error(this.#at, `expected ${expected}`);
    this.#at += found.length;
    this.#space();
    return found;
  }

  #quoted(): string | undefined {
    const start = this.#at;
    const quote = this.#text[start];
    if (quote !== '"' && quote !== "'") return undefined;
    let value = '';
    for (let at = start + 1; at < this.#text.length; at++) {
      const char = this.#text[at];
      if (char === quote) {
        this.#at = at + 1;
        this.#space();
        return value;
      }
      if (char === '\\') at++;
      value += this.#text[at] ?? '';
    }
    throw this.#error(start, `this ${quote} is never closed`);
  }

  #close(open: number, expected: string): void {
    if (this.#symbol(')')) return;
    if (this.#at === this.#text.length) throw this.#error(open, 'this ( is never closed');
    throw this.#error(this.#at, `expected ${expected}`);
  }

  #symbol(symbol: string): boolean {
    if (!this.#text.startsWith(symbol, this.#at)) return false;
    this.#at += symbol.length;
    this.#space();
    return true;
  }

  /** A keyword is one only where a word ends: `order` is not `or`. */
  #word(keyword: string): boolean {
    WORD.lastIndex = this.#at;
    if (WORD.exec(this.#text)?.[0] !== keyword) return false;
    // `not=3` and `in-house` at the place of a term are keys (the first one to be quoted), not keywords.
    if (/[A-Za-z0-9_./=:-]/.test(this.#text[this.#at + keyword.length] ?? '')) return false;
    this.#at += keyword.length;
    this.#space();
    return true;
  }

  #space(): void {
    SPACE.lastIndex = this.#at;
    SPACE.test(this.#text);
    this.#at = SPACE.lastIndex;
  }

  #error(at: number, problem: string): LabError {
    const column = at + 1;
    const from = Math.max(0, at - 50);
    // The excerpt is one line whatever the query holds, so that the caret stands under its column.
    const line = this.#text.slice(from, at + 40).replace(/[\s\p{Cc}]/gu, ' ');
    const lead = from > 0 ? '…' : '';
    const tail = this.#text.length > at + 40 ? '…' : '';
    const caret = ' '.repeat(lead.length + at - from);
    return new LabError('target_invalid', `column ${column}: ${problem}\n  ${lead}${line}${tail}\n  ${caret}^`, {
      data: { column, problem },
    });
  }
}
