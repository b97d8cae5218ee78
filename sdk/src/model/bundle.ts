/**
 * A bundle: everything that a node needs to run one service, without secrets, with the digest that names it.
 *
 * The digest is SHA-256 over canonical JSON of the sorted (path, mode, content hash) of its files and its rendered definition.
 * Launcher ports, host-local files, `monitor`, policy and descriptions are no part of it.
 */
import { z } from 'zod';
import { digestOf } from '../canonical.ts';
import { processSchema } from './process.ts';

export const bundleFileSchema = z.strictObject({
  /** Relative, forward slashes, no `..`. */
  path: z
    .string()
    .min(1)
    .refine(
      (path) => !path.startsWith('/') && !path.split('/').some((part) => part === '..' || part === '' || part === '.'),
      'a bundle path is relative and stays inside',
    ),
  /** 0o644 or 0o755: what matters of a mode is whether it can be executed. */
  mode: z.int(),
  sha256: z.string(),
  /** Base64 of the content. */
  content: z.base64(),
});
export type BundleFile = z.infer<typeof bundleFileSchema>;

export const definitionSchema = z.strictObject({
  runtime: z.enum(['process', 'compose']),
  env: z.record(z.string(), z.string()),
  labels: z.record(z.string(), z.string()),
  dependsOn: z.array(z.string()),
  update: z.enum(['replace', 'stop-first']),
  process: processSchema.optional(),
});
export type Definition = z.infer<typeof definitionSchema>;

export const bundleSchema = z.strictObject({
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  service: z.string(),
  files: z.array(bundleFileSchema),
  definition: definitionSchema,
});
export type Bundle = z.infer<typeof bundleSchema>;

export function bundleDigest(
  files: readonly Pick<BundleFile, 'path' | 'mode' | 'sha256'>[],
  definition: Definition,
): string {
  const sorted = files
    .map(({ path, mode, sha256 }) => [path, mode, sha256] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return digestOf({ files: sorted, definition });
}
