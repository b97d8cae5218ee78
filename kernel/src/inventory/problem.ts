/**
 * Problems of a fleet's files, each with its place, what is allowed there, and how it looks on a terminal.
 *
 * `line` and `column` count from 1 and name the entry (its key); the caret in the excerpt stands under the words that are wrong.
 * Owns no reading and no rules: those who check add what they found to a `Problems`.
 */
import { nearest } from '../targeting/nearest.ts';

export type Severity = 'error' | 'warning';

export interface Problem {
  /** Relative to the fleet's directory, forward slashes. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  /** The line with its number and, under it, the caret and what is allowed; lines are separated by a newline. */
  readonly excerpt?: string;
  readonly severity: Severity;
}

/** A stretch of one line of one file. `text` is the whole line. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Where the caret goes, and how long it is. */
  readonly caret?: { readonly line: number; readonly column: number; readonly length: number; readonly text: string };
}

const LONGEST_LINE = 140;

/** No escape sequence of a broken file may reach a terminal. */
function printable(text: string): string {
  return text.replace(/\t/g, ' ').replace(/[^\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd]/g, '·');
}

function excerptOf(place: Place, hint: string): string | undefined {
  const caret = place.caret;
  if (caret === undefined) return undefined;
  const start = Math.max(0, caret.column - 1 > LONGEST_LINE - 40 ? caret.column - 41 : 0);
  const shown = printable(caret.text.slice(start, start + LONGEST_LINE));
  const indent = ' '.repeat(Math.max(0, caret.column - 1 - start));
  const length = Math.max(1, Math.min(caret.length, shown.length - indent.length));
  const number = String(caret.line).padStart(5);
  return `${number} | ${shown}\n      | ${indent}${'^'.repeat(length)}  ${hint}`;
}

/** Of one file: who sees these knows what is wrong with it. */
const MOST_OF_A_FILE = 100;

export class Problems {
  readonly #all = new Map<string, Problem>();
  readonly #found = new Map<string, number>();

  error(place: Place, message: string, hint?: string): void {
    this.#add(place, message, hint, 'error');
  }

  warning(place: Place, message: string, hint?: string): void {
    this.#add(place, message, hint, 'warning');
  }

  /** `unknown site "hom"; did you mean "home"?`, with all that is known under the caret. */
  unknown(place: Place, noun: string, word: string, known: Iterable<string>, severity: Severity = 'error'): void {
    if ((this.#found.get(place.file) ?? 0) >= MOST_OF_A_FILE) {
      this.#add(place, '', undefined, severity);
      return;
    }
    const words = [...known];
    this.#add(place, `unknown ${noun} ${quoted(word)}${meant(word, words)}`, oneOf(words, noun), severity);
  }

  get failed(): boolean {
    for (const problem of this.#all.values()) if (problem.severity === 'error') return true;
    return false;
  }

  /** In order of file and place; what was found twice is there once. */
  sorted(): readonly Problem[] {
    const byPlace = (a: Problem, b: Problem): number =>
      a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line || a.column - b.column;
    return Object.freeze([...this.#all.values()].sort(byPlace));
  }

  #add(place: Place, text: string, hint: string | undefined, severity: Severity): void {
    const { file, line, column } = place;
    const found = (this.#found.get(file) ?? 0) + 1;
    this.#found.set(file, found);
    if (found > MOST_OF_A_FILE) {
      this.#more(file, found - MOST_OF_A_FILE, severity);
      return;
    }
    const message = printable(text);
    const excerpt = hint === undefined ? undefined : excerptOf(place, printable(hint));
    const problem: Problem = { file, line, column, message, severity, ...(excerpt === undefined ? {} : { excerpt }) };
    this.#all.set(`${file}:${line}:${column}:${message}`, Object.freeze(problem));
  }

  /** The rest is counted, in one line at the top of its file. */
  #more(file: string, count: number, severity: Severity): void {
    const key = `${file}:more`;
    const worst = this.#all.get(key)?.severity === 'error' ? 'error' : severity;
    const message = `${count} more problems in this file than are shown`;
    this.#all.set(key, Object.freeze({ file, line: 1, column: 1, message, severity: worst }));
  }
}

export function quoted(word: string): string {
  return JSON.stringify(word.length > 80 ? `${word.slice(0, 77)}...` : word);
}

/** `; did you mean "x"?` where a word is near, else nothing. */
export function meant(word: string, known: Iterable<string>): string {
  const near = nearest(word, known);
  return near === undefined ? '' : `; did you mean ${quoted(near)}?`;
}

const MOST_WORDS = 12;

function oneOf(words: readonly string[], noun: string): string {
  if (words.length === 0) return `there is no ${noun} yet`;
  const more = words.length > MOST_WORDS ? ` … (${words.length} in all)` : '';
  return `one of ${words.slice(0, MOST_WORDS).join(', ')}${more}`;
}

export function position(problem: Pick<Problem, 'file' | 'line' | 'column'>): string {
  return `${problem.file}:${problem.line}:${problem.column}`;
}

/** As `lab validate` prints it. `width` is that of the widest position, where several stand under each other. */
export function formatProblem(problem: Problem, width = 0): string {
  const severity = problem.severity === 'warning' ? 'warning: ' : '';
  const head = `${position(problem).padEnd(width)}  ${severity}${problem.message}`;
  return problem.excerpt === undefined ? head : `${head}\n${problem.excerpt}`;
}

export function formatProblems(problems: readonly Problem[]): string {
  const width = problems.reduce((widest, problem) => Math.max(widest, position(problem).length), 0);
  return problems.map((problem) => formatProblem(problem, width)).join('\n');
}
