/**
 * What people are shown may not write to their terminal: control characters, and those that turn the direction of text so
 * that a line reads as another than it is, become a dot. Line breaks and tabs stay. JSON output is left as it came.
 */

const UNSAFE = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u;
const EACH_UNSAFE = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

export function cleanText(text: string): string {
  if (!UNSAFE.test(text)) return text;
  return text.replace(EACH_UNSAFE, (found) => (found === '\n' || found === '\t' ? found : '·'));
}

/** The same value with every string in it clean. */
export function cleaned<T>(value: T): T {
  return clean(value) as T;
}

function clean(value: unknown): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (Array.isArray(value)) return value.map(clean);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [cleanText(name), clean(member)]));
}
