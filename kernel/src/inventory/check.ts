/**
 * Holds a document against its schema, and says what is wrong in the words of the person who wrote it: with the place, what is
 * allowed, and the nearest word where one is near. Every problem of the document at once.
 */
import { z } from 'zod';
import type { Document, Path } from './document.ts';
import type { Parsed } from './files.ts';
import { type Problems, quoted } from './problem.ts';

/**
 * The value without what was wrong in it, so that whoever checks further finds further problems in the same run; undefined where
 * nothing is left.
 */
export function check<T>(document: Document, schema: z.ZodType<T>, problems: Problems): Parsed<T> | undefined {
  let result = schema.safeParse(document.value ?? {});
  if (result.success) return { document, value: result.data, whole: true };
  for (const issue of result.error.issues) report(document, schema, issue, problems);
  let value: unknown = structuredClone(document.value);
  for (let round = 0; round < MOST_ROUNDS && !result.success; round++) {
    for (const issue of result.error.issues) value = without(value, issue);
    result = schema.safeParse(value);
  }
  return result.success ? { document, value: result.data, whole: false } : undefined;
}

/** What is wrong may be inside what is missing inside what is wrong: each round takes away one level. */
const MOST_ROUNDS = 8;

/** The value without what the issue is about. A list is cut there, so that what is before keeps its place. */
function without(value: unknown, issue: z.core.$ZodIssue): unknown {
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) remove(value, [...(issue.path as Path), key]);
    return value;
  }
  const path = issue.path as Path;
  if (path.length === 0) return {};
  const missing = valueAt(value, path) === undefined;
  remove(value, missing ? path.slice(0, -1) : path);
  return value;
}

function remove(value: unknown, path: Path): void {
  const last = path.at(-1);
  const parent = valueAt(value, path.slice(0, -1));
  if (last === undefined || parent === null || typeof parent !== 'object') return;
  if (Array.isArray(parent)) parent.length = Math.min(parent.length, Number(last));
  else delete (parent as Record<string, unknown>)[last];
}

function report(document: Document, schema: z.ZodType, issue: z.core.$ZodIssue, problems: Problems): void {
  const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
  const place = document.place(path);
  const value = valueAt(document.value, path);
  if (issue.code === 'unrecognized_keys') {
    const known = keysOf(schemaAt(schema, path));
    for (const key of issue.keys) problems.unknown(document.place([...path, key], 'key'), 'key', key, known);
  } else if (issue.code === 'invalid_value' && value !== undefined) {
    const word = typeof value === 'string' ? value : JSON.stringify(value);
    problems.unknown(place, nounOf(path), word, issue.values.map(String));
  } else if (issue.code === 'invalid_key') {
    const text = `${quoted(String(path.at(-1)))} cannot be a name here`;
    problems.error(document.place(path, 'key'), text, issue.issues[0]?.message);
  } else {
    problems.error(place, ...wordsFor(issue, nounOf(path), value));
  }
}

/** Message and hint. */
function wordsFor(issue: z.core.$ZodIssue, noun: string, value: unknown): [string, string] {
  if (value === undefined && (issue.code === 'invalid_type' || issue.code === 'invalid_value')) {
    const allowed = issue.code === 'invalid_value' ? `: one of ${issue.values.map(String).join(', ')}` : '';
    return [`${noun} is missing`, `needs ${noun}${allowed}`];
  }
  switch (issue.code) {
    case 'invalid_type':
      return [`${noun} must be ${KINDS[issue.expected] ?? issue.expected}, not ${kindOf(value)}`, 'this'];
    case 'invalid_format':
      return [`${noun} ${quoted(String(value))} is not of its form`, issue.message];
    case 'too_small':
    case 'too_big':
      return [`${noun} is out of range`, range(issue)];
    default:
      return [`${noun}: ${issue.message}`, 'this'];
  }
}

const KINDS: Readonly<Record<string, string>> = {
  record: 'a map',
  object: 'a map',
  array: 'a list',
  string: 'a text (in quotes where it looks like a number)',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
};

function kindOf(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  return `${typeof value === 'string' ? 'the text' : 'the value'} ${quoted(String(value))}`;
}

function range(issue: { readonly minimum?: unknown; readonly maximum?: unknown }): string {
  if (issue.maximum !== undefined) return `at most ${String(issue.maximum)}`;
  return `at least ${String(issue.minimum)}`;
}

/** `exposure`, `aliases`, `the file`: how the thing at a path is called. */
function nounOf(path: Path): string {
  const last = path.at(-1);
  if (last === undefined) return 'the file';
  return typeof last === 'number' ? `an entry of ${String(path.at(-2) ?? 'the list')}` : last;
}

function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const part of path) {
    if (at === null || typeof at !== 'object' || !Object.hasOwn(at, part)) return undefined;
    at = (at as Record<string | number, unknown>)[part];
  }
  return at;
}

/** The schema of what stands at a path, as far as it can be told. */
function schemaAt(schema: z.ZodType, path: Path): z.ZodType | undefined {
  let at: z.ZodType | undefined = bare(schema);
  for (const part of path) {
    if (at instanceof z.ZodObject) at = (at.shape as Record<string, z.ZodType>)[part];
    else if (at instanceof z.ZodRecord) at = at.valueType as z.ZodType;
    else if (at instanceof z.ZodArray) at = at.element as z.ZodType;
    else return undefined;
    if (at !== undefined) at = bare(at);
  }
  return at;
}

function bare(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault) {
    return bare(schema.unwrap() as z.ZodType);
  }
  return schema instanceof z.ZodPipe ? bare(schema.out as z.ZodType) : schema;
}

function keysOf(schema: z.ZodType | undefined): readonly string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}
