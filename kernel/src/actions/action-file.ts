/**
 * The file of an action: how it is called in which folder, and how it is read. Identity is the fields inside; a file that does
 * not parse, or whose planHash is not that of its change, is no action.
 */
import { join } from 'node:path';
import {
  ACTION_STATES,
  type Action,
  type ActionState,
  actionSchema,
  LabError,
  messageOf,
  planHash,
  TERMINAL,
} from '@lab/sdk';
import type { Disk } from '../disk/disk.ts';

/** A file of ours is a few kilobytes; diffs are not in it. */
export const ACTION_FILE_LIMIT = 1024 * 1024;
/** What of a larger one is kept for a person to look at. */
const EXCERPT_BYTES = 64 * 1024;

/** How far along a state is; the furthest of two files wins. */
export function rankOf(state: ActionState): number {
  return TERMINAL.has(state) ? 3 : ACTION_STATES.indexOf(state);
}

export function fileName(state: ActionState, id: string, ulid: string): string {
  return TERMINAL.has(state) ? `${id}@${ulid}.json` : `${id}.json`;
}

export function pathOf(dir: string, state: ActionState, action: Pick<Action, 'id' | 'ulid'>): string {
  return join(dir, state, fileName(state, action.id, action.ulid));
}

export function textOf(action: Action): string {
  return `${JSON.stringify(action, null, 2)}\n`;
}

export type ReadAction =
  | { readonly action: Action }
  | { readonly gone: true }
  /** No action: why, and what to keep of it. */
  | { readonly bad: string; readonly bytes: Uint8Array; readonly folder: boolean };

export async function readAction(disk: Disk, path: string): Promise<ReadAction> {
  const none = new Uint8Array();
  try {
    const stat = await disk.stat(path);
    if (stat === undefined) return { gone: true };
    if (stat.special)
      return { bad: 'a link, a pipe or a device, where a file of an action belongs', bytes: none, folder: false };
    if (stat.directory) return { bad: 'a folder, where a file of an action belongs', bytes: none, folder: true };
    if (stat.size > ACTION_FILE_LIMIT) {
      const bytes = await excerpt(disk, path);
      return {
        bad: `too large: ${stat.size} bytes, of which the first ${bytes.length} are kept`,
        bytes,
        folder: false,
      };
    }
    const bytes = await disk.read(path, ACTION_FILE_LIMIT);
    if (bytes === undefined) return { gone: true };
    const parsed = parseAction(bytes);
    return typeof parsed === 'string' ? { bad: parsed, bytes, folder: false } : { action: parsed };
  } catch (cause) {
    if (cause instanceof LabError && cause.code === 'too_large') {
      return { bad: 'too large', bytes: await excerpt(disk, path), folder: false };
    }
    return { bad: `cannot be read: ${messageOf(cause)}`, bytes: none, folder: false };
  }
}

/** The action, or what is wrong with it. */
export function parseAction(bytes: Uint8Array): Action | string {
  if (bytes.length === 0) return 'empty';
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    return `not JSON: ${messageOf(cause)}`;
  }
  const parsed = actionSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return `not an action: ${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'wrong'}`;
  }
  const hash = planHash(parsed.data);
  if (hash !== parsed.data.planHash)
    return `planHash ${parsed.data.planHash.slice(0, 7)} is not that of its change (${hash.slice(0, 7)})`;
  return parsed.data;
}

async function excerpt(disk: Disk, path: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let held = 0;
  for await (const chunk of disk.stream(path)) {
    pieces.push(chunk.slice(0, EXCERPT_BYTES - held));
    held += chunk.length;
    if (held >= EXCERPT_BYTES) break;
  }
  return Buffer.concat(pieces);
}
