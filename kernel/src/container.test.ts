import { LabError, token } from '@lab/sdk';
import { describe, expect, it } from 'vitest';
import { Scope } from './container.ts';

const A = token<string>('a');
const B = token<string>('b');
const C = token<string>('c');
const DB = token<{ open: boolean }>('database');

function close(database: { open: boolean }): void {
  database.open = false;
}

describe('a scope', () => {
  it('gives back values, falsy ones too, which tsyringe takes for no provider', () => {
    const scope = Scope.root('r');
    for (const [n, value] of [0, '', false, null, undefined].entries()) {
      const key = token<unknown>(`falsy-${n}`);
      scope.value(key, value);
      expect(scope.resolve(key)).toBe(value);
    }
  });

  it('runs a factory once, in the scope that registered it, whoever asks first', () => {
    const root = Scope.root('r');
    let runs = 0;
    root.value(A, 'of the root');
    root.factory(B, (resolve) => `${resolve(A)} ${++runs}`);
    const child = root.child('c');
    child.value(A, 'of the child');
    expect(child.resolve(B)).toBe('of the root 1');
    expect(root.resolve(B)).toBe('of the root 1');
    expect(root.child('d').resolve(B)).toBe('of the root 1');
    expect(child.resolve(A)).toBe('of the child');
  });

  it('tries a factory that threw again', () => {
    const scope = Scope.root('r');
    let runs = 0;
    scope.factory(A, () => {
      if (++runs === 1) throw new Error('not yet');
      return 'made';
    });
    expect(() => scope.resolve(A)).toThrow('not yet');
    expect(scope.resolve(A)).toBe('made');
  });

  it('prints the path of a cycle, also one that crosses scopes, and works on afterwards', () => {
    const root = Scope.root('r');
    root.factory(A, (resolve) => resolve(B));
    root.factory(B, (resolve) => resolve(C));
    root.factory(C, (resolve) => resolve(A));
    root.value(DB, { open: true });
    expect(() => root.child('c').resolve(B)).toThrow('b -> c -> a -> b');
    const inner = root.child('inner');
    const outerAsk = token<string>('outer-ask');
    inner.factory(outerAsk, () => inner.resolve(outerAsk));
    expect(() => inner.resolve(outerAsk)).toThrow('outer-ask -> outer-ask');
    expect(root.resolve(DB)).toEqual({ open: true });
  });

  it('lets a child cover a token of its parent by one that is made of it', () => {
    const root = Scope.root('r');
    root.factory(A, () => 'plain');
    const child = root.child('c');
    child.factory(A, () => `wrapped ${root.resolve(A)}`);
    expect(child.resolve(A)).toBe('wrapped plain');
  });

  it('refuses a second registration in one scope', () => {
    const scope = Scope.root('r');
    scope.value(A, '1');
    expect(() => scope.value(A, '2')).toThrow('a is registered twice in scope r');
    expect(() => scope.factory(A, () => '3')).toThrow('registered twice');
    expect(scope.resolve(A)).toBe('1');
  });

  it('names everything that is missing, at once, with who asked', () => {
    const scope = Scope.root('r').child('plugin health.demo');
    scope.factory(A, (resolve) => resolve(C));
    try {
      scope.resolveAll({ a: A, b: B });
      expect.unreachable();
    } catch (cause) {
      expect(cause).toBeInstanceOf(LabError);
      expect(String(cause)).toContain('c (asked for by a), b (asked for by plugin health.demo)');
    }
    scope.value(B, 'x');
    scope.value(C, 'y');
    expect(scope.resolveAll({ a: A, b: B })).toEqual({ a: 'y', b: 'x' });
  });
});

describe('disposal', () => {
  it('ends what it made, last first, and waits for each', async () => {
    const ended: string[] = [];
    const scope = Scope.root('r');
    const end = async (value: string): Promise<void> => {
      await Promise.resolve();
      ended.push(value);
    };
    scope.factory(A, () => 'a', { dispose: end });
    scope.factory(B, (resolve) => `b on ${resolve(A)}`, { dispose: end });
    scope.factory(C, () => 'never made', { dispose: end });
    scope.resolve(B);
    await scope.dispose();
    expect(ended).toEqual(['b on a', 'a']);
    await scope.dispose();
    expect(ended).toHaveLength(2);
  });

  it('uses Symbol.dispose and Symbol.asyncDispose of what a factory made', async () => {
    const ended: string[] = [];
    const scope = Scope.root('r');
    const sync = token<Disposable>('sync');
    const async = token<AsyncDisposable>('async');
    scope.factory(sync, () => ({ [Symbol.dispose]: () => void ended.push('sync') }));
    scope.factory(async, () => ({ [Symbol.asyncDispose]: async () => void ended.push('async') }));
    scope.resolve(sync);
    scope.resolve(async);
    await scope[Symbol.asyncDispose]();
    expect(ended).toEqual(['async', 'sync']);
  });

  it('leaves values alone that it was only given', async () => {
    const scope = Scope.root('r');
    const database = { open: true, [Symbol.dispose]: () => close(database) };
    scope.value(DB, database);
    scope.resolve(DB);
    await scope.dispose();
    expect(database.open).toBe(true);
  });

  it("of a child never touches the parent's, though the child asked for it first", async () => {
    const root = Scope.root('r');
    root.factory(DB, () => ({ open: true }), { dispose: close });
    const child = root.child('plugin');
    const database = child.resolve(DB);
    await child.dispose();
    expect(database.open).toBe(true);
    expect(root.resolve(DB)).toBe(database);
    await root.dispose();
    expect(database.open).toBe(false);
  });

  it('ends living children before what they stand on', async () => {
    const ended: string[] = [];
    const root = Scope.root('r');
    root.factory(A, () => 'parent', { dispose: (v) => void ended.push(v) });
    for (const name of ['first', 'second']) {
      const child = root.child(name);
      child.factory(B, (resolve) => `${name} on ${resolve(A)}`, { dispose: (v) => void ended.push(v) });
      child.resolve(B);
    }
    await root.dispose();
    expect(ended).toEqual(['second on parent', 'first on parent', 'parent']);
  });

  it('goes on past disposers that throw and reports them all', async () => {
    const ended: string[] = [];
    const scope = Scope.root('r');
    scope.factory(A, () => 'a', { dispose: (v) => void ended.push(v) });
    scope.factory(B, () => 'b', { dispose: () => Promise.reject(new Error('b is stuck')) });
    const child = scope.child('c');
    child.factory(C, () => 'c', {
      dispose: () => {
        throw new Error('c is stuck');
      },
    });
    for (const key of [A, B]) scope.resolve(key);
    child.resolve(C);
    const failure = await scope.dispose().then(
      () => undefined,
      (cause: unknown) => cause,
    );
    expect(ended).toEqual(['a']);
    expect(failure).toBeInstanceOf(AggregateError);
    expect(String(failure)).toMatch(/2 failures: c: c is stuck; b: b is stuck/);
  });

  it('ends resolving and registering, in children too', async () => {
    const root = Scope.root('r');
    root.value(A, 'a');
    const child = root.child('c');
    await root.dispose();
    expect(() => root.resolve(A)).toThrow('cannot resolve a from scope r: r was disposed');
    expect(() => child.resolve(A)).toThrow('scope c');
    expect(() => root.value(B, 'b')).toThrow('cannot register b');
    expect(() => root.child('d')).toThrow('was disposed');
  });

  it('can be left to await using', async () => {
    const ended: string[] = [];
    {
      await using scope = Scope.root('r');
      scope.factory(A, () => 'a', { dispose: (v) => void ended.push(v) });
      scope.resolve(A);
    }
    expect(ended).toEqual(['a']);
  });
});
