/**
 * Canonical JSON (RFC 8785 in what we use of it: keys sorted by UTF-16 code unit, no white space, `undefined` members left
 * out) and the SHA-256 over it. Digests, planHash and worldHash all come from here.
 */
import { createHash } from 'node:crypto';

export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members: string[] = [];
  for (const key of Object.keys(value).sort()) {
    const member = (value as Record<string, unknown>)[key];
    if (member !== undefined) members.push(`${JSON.stringify(key)}:${canonicalJson(member)}`);
  }
  return `{${members.join(',')}}`;
}

/** Lower-case hex SHA-256. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

export function digestOf(value: unknown): string {
  return sha256(canonicalJson(value));
}

/** How a digest or hash is shown to people: its first seven characters. */
export function short(digest: string | null | undefined): string {
  return digest ? digest.slice(0, 7) : '–';
}
