/** The `process` definition of a service (service.yaml): how it runs as a supervised local process. */
import { z } from 'zod';

const seconds = z.number().positive().max(86_400);
const port = z.int().min(1).max(65_535);

/** Times are in seconds, as in a compose file's healthcheck. Exactly one of command, http, tcp. */
export const healthcheckSchema = z
  .strictObject({
    /** Exit status 0 is healthy. Relative to the service's folder. */
    command: z.array(z.string().min(1)).min(1).optional(),
    /** Path on a named port, `name/path`: 2xx or 3xx is healthy. */
    http: z.strictObject({ port: z.string(), path: z.string().startsWith('/').default('/') }).optional(),
    /** A named port that accepts a connection. */
    tcp: z.strictObject({ port: z.string() }).optional(),
    interval: seconds.default(10),
    timeout: seconds.default(5),
    retries: z.int().min(1).max(100).default(3),
    startPeriod: z.number().min(0).max(86_400).default(0),
  })
  .refine((check) => [check.command, check.http, check.tcp].filter((way) => way !== undefined).length === 1, {
    message: 'a healthcheck has exactly one of command, http, tcp',
  });
export type Healthcheck = z.infer<typeof healthcheckSchema>;

export const processSchema = z.strictObject({
  command: z.array(z.string().min(1)).min(1),
  env: z.record(z.string(), z.string()).default({}),
  /** Name to the number it has on a machine of its own; a launcher that shares one machine may give out others. */
  ports: z.record(z.string().regex(/^[a-z][a-z0-9-]{0,30}$/), port).default({}),
  stopSignal: z.enum(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGKILL']).default('SIGTERM'),
  /** Seconds between stopSignal and SIGKILL. */
  stopTimeout: seconds.default(10),
  restart: z.enum(['no', 'on-failure', 'always']).default('no'),
  healthcheck: healthcheckSchema.optional(),
});
export type ProcessDefinition = z.infer<typeof processSchema>;
