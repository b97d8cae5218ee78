/**
 * One YAML file: its plain value, and the place of everything in it.
 *
 * INVARIANTS: never throws on any content; what is not readable YAML is a problem. Aliases are bounded, so that a small file
 * cannot become a large value. Knows nothing of what the file means.
 */
import { messageOf } from '@lab/sdk/errors';
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLMap,
  type Document as Yaml,
} from 'yaml';
import type { Place, Problems } from './problem.ts';
import { quoted } from './problem.ts';

export type Path = readonly (string | number)[];

interface Entry {
  readonly key: Node | undefined;
  readonly value: Node | undefined;
}

const MOST_ALIASES = 100;

export class Document {
  readonly file: string;
  readonly value: unknown;
  readonly #text: string;
  readonly #lines: LineCounter;
  readonly #yaml: Yaml | undefined;
  readonly #entries = new WeakMap<Node, ReadonlyMap<string, Entry>>();

  private constructor(file: string, value: unknown, text: string, lines: LineCounter, yaml: Yaml | undefined) {
    this.file = file;
    this.value = value;
    this.#text = text;
    this.#lines = lines;
    this.#yaml = yaml;
  }

  /** A value that comes from no text: everything in it stands at line 1. */
  static of(file: string, value: unknown): Document {
    return new Document(file, value, '', new LineCounter(), undefined);
  }

  /** Undefined where the text is no YAML; the problems say why. An empty file is the value null. */
  static parse(file: string, text: string, problems: Problems): Document | undefined {
    const lines = new LineCounter();
    const unread = new Document(file, null, text, lines, undefined);
    try {
      // Duplicate keys are looked for below: the library compares each key with all others.
      const yaml = parseDocument(text, {
        lineCounter: lines,
        uniqueKeys: false,
        stringKeys: true,
        merge: true,
        prettyErrors: false,
        logLevel: 'silent',
      });
      // Where the library runs out of stack, it says so as an error of the file, among others that follow from it.
      if (yaml.errors.some(({ message }) => message.includes('call stack'))) throw new RangeError('nested too deep');
      for (const { pos, message } of yaml.errors)
        problems.error(unread.#span(pos[0], pos[1]), firstLine(message), 'here');
      if (yaml.errors.length > 0) return undefined;
      const document = new Document(file, yaml.toJS({ maxAliasCount: MOST_ALIASES }), text, lines, yaml);
      return document.#duplicates(problems) ? undefined : document;
    } catch (cause) {
      const reason = cause instanceof RangeError ? 'nested too deep' : firstLine(messageOf(cause));
      problems.error(unread.top(), `not readable as YAML: ${reason}`);
      return undefined;
    }
  }

  top(): Place {
    return { file: this.file, line: 1, column: 1 };
  }

  /** The entry at `path`, or the nearest one above it that is there; the caret goes under its value, or under its key. */
  place(path: Path, caret: 'key' | 'value' = 'value'): Place {
    const entry = this.#find(path);
    const start = entry.key ?? entry.value;
    if (start?.range == null) return this.top();
    const under = (caret === 'value' && isShort(entry.value) ? entry.value : undefined) ?? start;
    const [from = 0, to = 0] = under.range ?? start.range;
    return { ...this.#position(start.range[0]), ...this.#caret(from, to) };
  }

  /** A stretch inside the text of the scalar at `path`: `offset` characters from the start of its value. */
  inside(path: Path, offset: number, length = 1): Place {
    const value = this.#find(path).value;
    if (!isScalar(value) || value.range == null || typeof value.value !== 'string') return this.place(path);
    const from = value.range[0];
    const raw = this.#text.slice(from, value.range[1]);
    const opening = raw.startsWith('"') || raw.startsWith("'") ? 1 : 0;
    // An escaped or folded text does not map one to one: the whole value is the place then.
    if (raw.slice(opening, opening + value.value.length) !== value.value) return this.place(path);
    return this.#span(from + opening + offset, from + opening + offset + length);
  }

  /** `inventory/attachments.yaml:3`. */
  at(path: Path): string {
    return `${this.file}:${this.place(path).line}`;
  }

  /** A scalar as it is written, so that `1.10` stays `1.10`. */
  text(path: Path, value: string | number | boolean): string {
    if (typeof value === 'string') return value;
    const node = this.#find(path, true).value;
    return isScalar(node) && typeof node.source === 'string' ? node.source : String(value);
  }

  #span(from: number, to: number): Place {
    return { ...this.#position(from), ...this.#caret(from, to) };
  }

  #position(offset: number): Place {
    const { line, col } = this.#lines.linePos(Math.min(offset, this.#text.length));
    return { file: this.file, line: Math.max(1, line), column: Math.max(1, col) };
  }

  #caret(from: number, to: number): Pick<Place, 'caret'> {
    const { line, column } = this.#position(from);
    const start = this.#lines.lineStarts[line - 1] ?? 0;
    const newline = this.#text.indexOf('\n', start);
    const text = this.#text.slice(start, newline < 0 ? undefined : newline).replace(/\r$/, '');
    return { caret: { line, column, length: Math.max(1, Math.min(to - from, text.length - column + 1)), text } };
  }

  /** The entry at the path; where a part is missing, the last one that is there (none of it with `exact`). */
  #find(path: Path, exact = false): Entry {
    let entry: Entry = { key: undefined, value: (this.#yaml?.contents ?? undefined) as Node | undefined };
    for (const part of path) {
      const next = this.#child(entry.value, part);
      if (next === undefined) return exact ? { key: undefined, value: undefined } : entry;
      entry = next;
    }
    return entry;
  }

  #child(node: Node | undefined, part: string | number): Entry | undefined {
    const at = isAlias(node) && this.#yaml !== undefined ? node.resolve(this.#yaml) : node;
    if (isSeq(at)) {
      const item = at.items[Number(part)] as Node | undefined;
      return item === undefined ? undefined : { key: undefined, value: item };
    }
    return isMap(at) ? this.#index(at).get(String(part)) : undefined;
  }

  #index(map: YAMLMap): ReadonlyMap<string, Entry> {
    let entries = this.#entries.get(map);
    if (entries === undefined) {
      const all = new Map<string, Entry>();
      for (const { key, value } of map.items) {
        all.set(keyText(key), { key: key as Node, value: (value ?? undefined) as Node | undefined });
      }
      entries = all;
      this.#entries.set(map, entries);
    }
    return entries;
  }

  #duplicates(problems: Problems): boolean {
    let found = false;
    const open: unknown[] = [this.#yaml?.contents];
    while (open.length > 0) {
      const node = open.pop();
      if (isSeq(node)) open.push(...node.items.filter((item) => isMap(item) || isSeq(item)));
      if (!isMap(node)) continue;
      const first = new Map<string, Node>();
      for (const { key, value } of node.items) {
        const text = keyText(key);
        const before = first.get(text);
        if (before?.range != null && text !== '<<' && (key as Node).range != null) {
          const [from = 0, to = 0] = (key as Node).range ?? [];
          problems.error(
            this.#span(from, to),
            `the key ${quoted(text)} is there twice (line ${this.#position(before.range[0]).line})`,
          );
          found = true;
        }
        first.set(text, key as Node);
        if (isMap(value) || isSeq(value)) open.push(value);
      }
    }
    return found;
  }
}

function keyText(key: unknown): string {
  return isScalar(key) ? String(key.value) : String(key);
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}

/** A block that goes on over lines is pointed at by its key. */
function isShort(node: Node | undefined): boolean {
  return (
    node !== undefined && (isScalar(node) || isAlias(node) || ((isMap(node) || isSeq(node)) && node.flow === true))
  );
}
