/**
 * The form of each file of a fleet. What a name means, and whether it exists, is checked by compile.
 *
 * Numbers and booleans where a text is meant (`PORT: 8080`) are accepted in env and labels, and taken as they are written.
 */
import { NAME_PATTERN } from '@lab/sdk/model/name';
import { limitsSchema, modeSchema } from '@lab/sdk/model/policy';
import { processSchema } from '@lab/sdk/model/process';
import { z } from 'zod';

const name = z.string().regex(NAME_PATTERN, 'a name is a-z, 0-9 and -, at most 63 characters, not starting with -');
const scalar = z.union([z.string(), z.number(), z.boolean()], { error: 'must be a text, a number, true or false' });
const envKey = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a variable is letters, digits and _, not starting with a digit');
const labelKey = z
  .string()
  .regex(/^[A-Za-z0-9]([A-Za-z0-9_./-]{0,126}[A-Za-z0-9])?$/, 'a label is letters, digits and _ . / -, at most 128');
const env = z.record(envKey, scalar);
const labels = z.record(labelKey, scalar);
const description = z.string().optional();

/** An empty value (`mosquitto:`) is the same as `{}`. */
function orEmpty<T extends z.ZodType>(schema: T): z.ZodPreprocess<T> {
  return z.preprocess((value) => value ?? {}, schema);
}

const site = z.strictObject({ description, labels: labels.default({}) });
const node = z.strictObject({
  description,
  site: name.optional(),
  address: z.string().min(1).max(253).optional(),
  aliases: z.array(name).default([]),
  arch: z
    .string()
    .regex(/^[a-z0-9_]{1,32}$/, 'an architecture is a word such as amd64 or arm64')
    .optional(),
  link: z.enum(['lan', 'lte', 'vps']).default('lan'),
  provider: name.default('edge'),
  runtime: z.enum(['compose', 'process']).default('compose'),
  roles: z.array(z.enum(['hub', 'edge'])).optional(),
  labels: labels.default({}),
});
const group = z.strictObject({
  description,
  groups: z.array(name).optional(),
  match: z.string().optional(),
  except: z.string().optional(),
});
export const topologySchema = z.strictObject({
  sites: orEmpty(z.record(name, orEmpty(site))).optional(),
  nodes: z.record(name, orEmpty(node)),
  groups: orEmpty(z.record(name, group)).optional(),
});
export type Topology = z.infer<typeof topologySchema>;
export type NodeEntry = z.infer<typeof node>;

const window = z.strictObject({ cron: z.string(), for: z.string(), zone: z.string().default('UTC') });
export const policySchema = z.strictObject({
  policies: z
    .array(
      z.strictObject({
        description,
        target: z.string(),
        change: modeSchema.optional(),
        heal: modeSchema.optional(),
        remove: modeSchema.optional(),
        cleanup: modeSchema.optional(),
        windows: z.array(window).optional(),
        autonomy: z.array(z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, 'a verb such as container_restart')).optional(),
        limits: limitsSchema.optional(),
      }),
    )
    .nullable()
    .optional(),
});
export type PolicyFile = z.infer<typeof policySchema>;

const serviceEntry = z.strictObject({
  monitor: z.boolean().optional(),
  observed: z.boolean().optional(),
  exposure: z.enum(['local-only', 'tailscale-internal', 'public']).optional(),
  size: name.optional(),
  depends_on: z.array(name).optional(),
  update: z.enum(['replace', 'stop-first']).optional(),
  env: env.optional(),
  labels: labels.optional(),
});
export type ServiceEntry = z.infer<typeof serviceEntry>;
export const hostServicesSchema = z.strictObject({
  services: orEmpty(z.record(name, orEmpty(serviceEntry))).optional(),
});
export type HostServices = z.infer<typeof hostServicesSchema>;

export const attachmentsSchema = z.strictObject({
  attachments: z
    .array(
      z.strictObject({
        description,
        target: z.string(),
        services: orEmpty(z.record(name, orEmpty(serviceEntry))).optional(),
        env: env.optional(),
        labels: labels.optional(),
        alerts: z.array(z.looseObject({})).optional(),
        secrets: z.array(z.string()).optional(),
        size: name.optional(),
      }),
    )
    .nullable()
    .optional(),
});
export type AttachmentsFile = z.infer<typeof attachmentsSchema>;

const hostname = z
  .string()
  .max(253)
  .regex(
    /^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    'a host is a lower-case DNS name',
  );
export const ingressSchema = z.strictObject({
  ingress: z
    .array(z.strictObject({ description, host: hostname, service: name, node: name, via: name }))
    .nullable()
    .optional(),
});
export type IngressFile = z.infer<typeof ingressSchema>;

/** What a size is for one provider or runtime; only `env` is used by the process runtime. */
const sizing = z.looseObject({ env: env.optional() });
export const profilesSchema = z.strictObject({
  profiles: orEmpty(z.record(name, z.record(name, sizing))).optional(),
});
export type ProfilesFile = z.infer<typeof profilesSchema>;

export const serviceSchema = z.strictObject({
  description,
  requires: z
    .strictObject({
      arch: z.array(z.string()).optional(),
      /** Free space, `2GB`. */
      disk: z
        .string()
        .regex(/^[1-9][0-9]*(MB|GB|TB)$/, 'a size is a number and MB, GB or TB')
        .optional(),
      /** The oldest compose that will do, `1.29`. */
      compose: scalar.optional(),
      variables: z.array(envKey).optional(),
      secrets: z.array(z.string().min(1)).optional(),
      ports: z.array(z.int().min(1).max(65_535)).optional(),
    })
    .optional(),
  backup: z
    .strictObject({
      paths: z.array(z.string().min(1)).optional(),
      /** What a person must export, because no copy of files holds it. */
      byHand: z.array(z.string().min(1)).optional(),
    })
    .optional(),
  process: processSchema.optional(),
});
export type ServiceFile = z.infer<typeof serviceSchema>;

/** lab.yaml: settings are read by the table in settings.ts. */
export const labSchema = z.strictObject({
  plugins: orEmpty(
    z.record(z.string().regex(/^[a-z0-9][a-z0-9.-]{0,62}$/, 'a plugin id such as provider.ssh'), z.unknown()),
  ).optional(),
  retention: z.unknown().optional(),
  thresholds: z.unknown().optional(),
});
export type LabFile = z.infer<typeof labSchema>;
