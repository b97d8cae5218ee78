/**
 * The door into plugins: every line of a plugin's code runs behind `enter`. So a thrown error, also one from a timer or a promise
 * that nobody waits for, can be traced to its plugin, and the plugin whose synchronous code holds the thread is known outside.
 *
 * INVARIANTS: `mark` names the plugin whose synchronous code runs, and again who ran before once it returns; what the kernel does
 * on a plugin's behalf runs behind `outside`, so that a fault of ours is not laid at its door.
 * It does not see code that continues after an await: that is traced for errors, but not marked.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

/** Whose code it is, and whom to tell that it failed outside any call. */
export interface Tenant {
  readonly id: string;
  failed(what: string, cause: unknown): void;
}

/** Says whose synchronous code runs now, null for the kernel's; returns what was said before. */
export type Mark = (id: string | null) => string | null;

const tenants = new AsyncLocalStorage<Tenant>();

export function enter<T>(tenant: Tenant, mark: Mark, run: () => T): T {
  const before = mark(tenant.id);
  try {
    return tenants.run(tenant, run);
  } finally {
    mark(before);
  }
}

export function outside<T>(run: () => T): T {
  return tenants.exit(run);
}

/** Whose code led here: right in a handler of unhandledRejection and uncaughtException too. */
export function tenant(): Tenant | undefined {
  return tenants.getStore();
}
