/**
 * What the kernel holds instead of a plugin's contract: an object of the same type, made from the table of rules. It outlives
 * the plugin's lives: each call goes to the present one, or throws `plugin_failed`.
 */
import { LabError, type ResourceApplier, type ResourceType, type Verb } from '@lab/sdk';
import type { CallLimit, Calls } from './calls.ts';
import type { Lives, Made } from './life.ts';
import { APPLIER_RULES, type Rule, type Rules } from './limits.ts';

type Pick<C> = (made: Made) => C;

/** `pick` finds the guarded object in what the plugin's setup gave. */
export function handle<C extends object>(calls: Calls, lives: Lives, rules: Rules<C>, pick: Pick<C>): C {
  const whole: Record<string, unknown> = {};
  for (const [member, rule] of Object.entries<Rule>(rules))
    Object.defineProperty(whole, member, {
      enumerable: true,
      ...(rule === 'data'
        ? { get: () => data(lives, member, pick) }
        : { value: method(calls, lives, member, rule, (made) => pick(made) as Methods) }),
    });
  // Complete by the type of `rules`, which has every member of C.
  return whole as C;
}

export function applierHandle(calls: Calls, lives: Lives, id: string): ResourceApplier {
  return handle<ResourceApplier>(calls, lives, APPLIER_RULES, (made) => found(made.appliers, id));
}

/** `drifts` is run to its end behind the door: a generator would run outside it. */
export function resourceHandle(calls: Calls, lives: Lives, type: ResourceType): ResourceType {
  const pick: Pick<ResourceType> = (made) => found(made.resources, type.id);
  const verbs: Record<string, Verb> = {};
  for (const [name, verb] of Object.entries(type.verbs))
    verbs[name] = {
      timeoutMs: verb.timeoutMs,
      id: (node, service) =>
        calls.now(lives, `${type.id}: name a ${name}`, (made) => {
          const present = pick(made).verbs[name] ?? verb;
          return present.id(node, service);
        }),
    };
  return {
    id: type.id,
    verbs,
    drifts: (node, input) => calls.now(lives, `${type.id}: drifts`, (made) => [...pick(made).drifts(node, input)]),
  };
}

type Methods = Record<string, (...args: readonly unknown[]) => unknown>;

function method(calls: Calls, lives: Lives, member: string, rule: Exclude<Rule, 'data'>, pick: Pick<Methods>) {
  const apply = (made: Made, args: readonly unknown[]): unknown => {
    const whole = pick(made);
    const own = whole[member];
    if (own === undefined) throw new TypeError(`it has no ${member}`);
    return own.apply(whole, [...args]);
  };
  if (rule === 'life')
    return () => {
      throw new LabError('internal', `${member} of ${lives.plugin.id} is called by the plugin host alone`);
    };
  if (rule === 'sync') return (...args: unknown[]) => calls.now(lives, member, (made) => apply(made, args));
  if (rule === 'stream')
    return (...args: unknown[]) =>
      calls.stream(lives, member, (made) => apply(made, args) as AsyncIterable<unknown>, signalIn(args));
  return (...args: unknown[]) => calls.call(lives, member, (made) => apply(made, args), limit(rule, signalIn(args)));
}

function limit(rule: Extract<Rule, object>, signal: AbortSignal | undefined): CallLimit {
  return signal === undefined ? rule : { ...rule, signal };
}

/** A RunContext, or the options of a stream: the caller's own end of the call. */
function signalIn(args: readonly unknown[]): AbortSignal | undefined {
  for (const arg of args)
    if (typeof arg === 'object' && arg !== null && 'signal' in arg && arg.signal instanceof AbortSignal)
      return arg.signal;
  return undefined;
}

function data<C extends object>(lives: Lives, member: string, pick: Pick<C>): unknown {
  const { last } = lives;
  // Throws the reason why nothing is known.
  const made = last ?? lives.life(`say its ${member}`).made;
  return Reflect.get(pick(made), member);
}

function found<T extends { readonly id: string }>(all: readonly T[] | undefined, id: string): T {
  const one = all?.find((item) => item.id === id);
  if (one === undefined) throw new TypeError(`it no longer has ${id}`);
  return one;
}
