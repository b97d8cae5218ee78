/**
 * The only file that imports tsyringe: typed tokens and strict ownership over its registries.
 *
 * INVARIANTS: the scope that registers a service makes it, owns it and disposes it, whoever asked first; a factory runs once
 * and resolves from its own scope; disposal is last made, first ended, living children before all, and one that fails stops
 * no other; a cycle is an error that prints its path; a token is registered once in a scope (a child may cover its parent's);
 * nothing is resolved or registered once the scope is disposed. tsyringe is given factories only: it treats falsy
 * values as no provider, and it never disposes what a factory made, which is this file's work.
 */
import './reflect-shim.ts';
import { LabError, messageOf, type Resolved, type Token } from '@lab/sdk';
import { type DependencyContainer, container as registry } from 'tsyringe';

export type Resolve = <T>(token: Token<T>) => T;
export interface Owned<T> {
  /** How this scope ends it; without it `Symbol.asyncDispose` or `Symbol.dispose` of what a factory made is used. */
  readonly dispose?: (made: T) => void | Promise<void>;
}

interface Undo {
  readonly what: string;
  readonly run: () => unknown;
}

export class Scope implements AsyncDisposable {
  readonly name: string;
  readonly #parent: Scope | undefined;
  readonly #container: DependencyContainer;
  readonly #children = new Set<Scope>();
  readonly #undo: Undo[] = [];
  /** Tokens being made now, outermost first; one array for the whole tree, since a cycle may cross scopes. */
  readonly #path: { readonly scope: Scope; readonly id: string }[];
  #disposal: Promise<void> | undefined;

  private constructor(name: string, parent: Scope | undefined, container: DependencyContainer) {
    this.name = name;
    this.#parent = parent;
    this.#container = container;
    this.#path = parent === undefined ? [] : parent.#path;
  }

  static root(name: string): Scope {
    return new Scope(name, undefined, registry.createChildContainer());
  }

  child(name: string): Scope {
    this.#mustLive('open a scope in');
    const child = new Scope(name, this, this.#container.createChildContainer());
    this.#children.add(child);
    return child;
  }

  /** Something made elsewhere: not disposed here unless told how. */
  value<T>(token: Token<T>, value: T, owned: Owned<T> = {}): void {
    this.#register(token, () => value);
    const { dispose } = owned;
    if (dispose !== undefined) this.#undo.push({ what: token.id, run: () => dispose(value) });
  }

  /** Made when first asked for, once. One that threw is tried again by the next who asks. */
  factory<T>(token: Token<T>, make: (resolve: Resolve) => T, owned: Owned<T> = {}): void {
    let made: { readonly value: T } | undefined;
    this.#register(token, () => {
      made ??= { value: this.#make(token, make, owned) };
      return made.value;
    });
  }

  /** Whether this scope or one above it has the token. */
  has(token: Token<unknown>): boolean {
    this.#mustLive('look into');
    return this.#container.isRegistered(token.id, true);
  }

  /** Whether it is registered in this scope itself. */
  owns(token: Token<unknown>): boolean {
    this.#mustLive('look into');
    return this.#container.isRegistered(token.id);
  }

  resolve<T>(token: Token<T>): T {
    this.#mustLive(`resolve ${token.id} from`);
    if (!this.has(token)) throw missing([{ id: token.id, by: this.#asker() }]);
    return this.#container.resolve<T>(token.id);
  }

  /** Everything that `needs` names. All that is missing, also deep in a factory, is in one error. */
  resolveAll<N extends Record<string, Token<unknown>>>(needs: N): Resolved<N> {
    const resolved: Record<string, unknown> = {};
    const lacks: Missing[] = [];
    for (const [name, token] of Object.entries(needs)) {
      try {
        resolved[name] = this.resolve(token);
      } catch (cause) {
        const found = missingIn(cause);
        if (found === undefined) throw cause;
        lacks.push(...found);
      }
    }
    if (lacks.length > 0) throw missing(lacks);
    return resolved as Resolved<N>;
  }

  /** Ends the living children, then what this scope made, last first. Rejects with an `AggregateError` of all that failed. */
  dispose(): Promise<void> {
    this.#disposal ??= this.#dispose();
    return this.#disposal;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #register<T>(token: Token<T>, make: () => T): void {
    this.#mustLive(`register ${token.id} in`);
    if (this.#container.isRegistered(token.id))
      throw new LabError('internal', `${token.id} is registered twice in scope ${this.name}`, { at: token.id });
    this.#container.register<T>(token.id, { useFactory: make });
  }

  #make<T>(token: Token<T>, make: (resolve: Resolve) => T, owned: Owned<T>): T {
    // tsyringe reaches a parent's factory through a child, also after the parent was disposed.
    this.#mustLive(`resolve ${token.id} from`);
    if (this.#path.some((step) => step.scope === this && step.id === token.id)) {
      const from = this.#path.findIndex((step) => step.scope === this && step.id === token.id);
      const path = [...this.#path.slice(from).map((step) => step.id), token.id].join(' -> ');
      throw new LabError('internal', `services need each other in a circle: ${path}`, { at: token.id, data: { path } });
    }
    this.#path.push({ scope: this, id: token.id });
    try {
      const value = make((inner) => this.resolve(inner));
      const dispose = owned.dispose ?? ownEnd(value);
      if (dispose !== undefined) this.#undo.push({ what: token.id, run: () => dispose(value) });
      return value;
    } finally {
      this.#path.pop();
    }
  }

  #asker(): string {
    return this.#path.at(-1)?.id ?? this.name;
  }

  #mustLive(verb: string): void {
    for (let scope: Scope | undefined = this; scope !== undefined; scope = scope.#parent)
      if (scope.#disposal !== undefined)
        throw new LabError('internal', `cannot ${verb} scope ${this.name}: ${scope.name} was disposed`, {
          at: this.name,
        });
  }

  async #dispose(): Promise<void> {
    if (this.#parent !== undefined) this.#parent.#children.delete(this);
    const failures: unknown[] = [];
    for (const child of [...this.#children].reverse())
      await attempt(failures, `scope ${child.name}`, () => child.dispose());
    for (let undo = this.#undo.pop(); undo !== undefined; undo = this.#undo.pop())
      await attempt(failures, undo.what, undo.run);
    await attempt(failures, this.name, () => this.#container.dispose());
    if (failures.length > 0) {
      const causes = failures.map(messageOf).join('; ');
      throw new AggregateError(failures, `scope ${this.name} was disposed with ${failures.length} failures: ${causes}`);
    }
  }
}

interface Missing {
  readonly id: string;
  readonly by: string;
}

function missing(lacks: readonly Missing[]): LabError {
  const list = lacks.map(({ id, by }) => `${id} (asked for by ${by})`).join(', ');
  return new LabError('internal', `nothing provides ${list}`, { data: { missing: lacks } });
}

function missingIn(cause: unknown): readonly Missing[] | undefined {
  return cause instanceof LabError && Array.isArray(cause.data?.missing) ? cause.data.missing : undefined;
}

function ownEnd<T>(value: T): ((made: T) => void | Promise<void>) | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const made: Partial<AsyncDisposable & Disposable> = value;
  if (made[Symbol.asyncDispose] !== undefined) return async () => made[Symbol.asyncDispose]?.();
  if (made[Symbol.dispose] !== undefined) return () => made[Symbol.dispose]?.();
  return undefined;
}

async function attempt(failures: unknown[], what: string, run: () => unknown): Promise<void> {
  try {
    await run();
  } catch (cause) {
    if (cause instanceof AggregateError) failures.push(...cause.errors);
    else failures.push(new LabError('internal', `${what}: ${messageOf(cause)}`, { at: what, cause }));
  }
}
