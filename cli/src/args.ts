/**
 * Reads a command line by the table of commands. Owns the grammar: long and short options (`--name value`, `--name=value`,
 * `-n value`, `-nvalue`), `--` before what only looks like one, global options anywhere. Knows no command.
 */
import { LabError } from '@lab/sdk/errors';
import { nearest } from './terminal/nearest.ts';

export interface Option {
  readonly name: string;
  readonly short?: string;
  /** What it takes, in capitals for the help; absent: it is a switch. */
  readonly value?: string;
  readonly choices?: readonly string[];
  readonly summary: string;
}

export interface Positional {
  readonly name: string;
  readonly optional?: boolean;
  /** Takes all that follow. */
  readonly many?: boolean;
  readonly choices?: readonly string[];
}

/** What parsing needs of a command. */
export interface Grammar {
  readonly name: string;
  readonly positionals: readonly Positional[];
  readonly options: readonly Option[];
}

export class Args {
  readonly #values: ReadonlyMap<string, string | true>;
  readonly positionals: readonly string[];

  constructor(values: ReadonlyMap<string, string | true>, positionals: readonly string[]) {
    this.#values = values;
    this.positionals = positionals;
  }

  flag(name: string): boolean {
    return this.#values.has(name);
  }

  value(name: string): string | undefined {
    const value = this.#values.get(name);
    return value === true ? undefined : value;
  }

  /** A positional that the grammar asks for. */
  need(at: number): string {
    const value = this.positionals[at];
    if (value === undefined) throw new LabError('internal', `the grammar has no positional ${at}`);
    return value;
  }

  count(name: string, fallback: number): number {
    const value = this.value(name);
    if (value === undefined) return fallback;
    if (!/^\d{1,6}$/.test(value)) throw new LabError('usage', `--${name} ${JSON.stringify(value)} is no number`);
    return Number(value);
  }
}

export interface Parsed<Command extends Grammar> {
  /** Undefined where no command was named. */
  readonly command: Command | undefined;
  readonly args: Args;
}

export function parse<Command extends Grammar>(
  argv: readonly string[],
  commands: readonly Command[],
  globals: readonly Option[],
): Parsed<Command> {
  const values = new Map<string, string | true>();
  const positionals: string[] = [];
  let command: Command | undefined;
  let onlyWords = false;
  const queue = [...argv];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (onlyWords || word === '-' || !word.startsWith('-')) {
      if (command === undefined) command = commandOf(word, commands);
      else positionals.push(word);
    } else if (word === '--') {
      onlyWords = true;
    } else {
      const { name, inline } = split(word);
      const option = optionOf(name, word, command, globals);
      values.set(option.name, optionValue(option, name, inline, queue));
    }
  }
  if (command !== undefined && !values.has('help')) checkPositionals(command, positionals);
  return { command, args: new Args(values, positionals) };
}

function split(word: string): { name: string; inline: string | undefined } {
  if (word.startsWith('--')) {
    const at = word.indexOf('=');
    return at === -1 ? { name: word, inline: undefined } : { name: word.slice(0, at), inline: word.slice(at + 1) };
  }
  return { name: word.slice(0, 2), inline: word.length > 2 ? word.slice(2) : undefined };
}

function commandOf<Command extends Grammar>(word: string, commands: readonly Command[]): Command {
  const command = commands.find((one) => one.name === word);
  if (command !== undefined) return command;
  const near = nearest(
    word,
    commands.map((one) => one.name),
  );
  throw new LabError('usage', `there is no command ${JSON.stringify(word)}`, {
    hint: near === undefined ? 'lab help lists the commands' : `did you mean ${near}? (lab help lists the commands)`,
  });
}

function optionOf(name: string, word: string, command: Grammar | undefined, globals: readonly Option[]): Option {
  const known = [...(command?.options ?? []), ...globals];
  const option = known.find((one) => name === `--${one.name}` || (one.short !== undefined && name === `-${one.short}`));
  if (option !== undefined) return option;
  const near = nearest(
    name,
    known.map((one) => `--${one.name}`),
  );
  const help = command === undefined ? 'lab help' : `lab help ${command.name}`;
  throw new LabError(
    'usage',
    `${command === undefined ? 'lab' : `lab ${command.name}`} has no option ${name === '-' ? word : name}`,
    {
      hint: near === undefined ? `${help} lists its options` : `did you mean ${near}? (${help} lists its options)`,
    },
  );
}

function optionValue(option: Option, name: string, inline: string | undefined, queue: string[]): string | true {
  if (option.value === undefined) {
    if (inline !== undefined) throw new LabError('usage', `${name} takes no value`, { hint: `write ${name} alone` });
    return true;
  }
  const value = inline ?? queue.shift();
  if (value === undefined)
    throw new LabError('usage', `${name} needs a value`, { hint: `write ${name} ${option.value}` });
  return chosen(value, option.choices, name);
}

function checkPositionals(command: Grammar, given: readonly string[]): void {
  const hint = `see lab help ${command.name}`;
  for (const [at, positional] of command.positionals.entries()) {
    const value = given[at];
    if (value) chosen(value, positional.choices, positional.name);
    else if (value === '' || positional.optional !== true)
      throw new LabError('usage', `lab ${command.name} needs ${positional.name}`, { hint });
  }
  const extra = command.positionals.at(-1)?.many === true ? undefined : given[command.positionals.length];
  if (extra !== undefined)
    throw new LabError('usage', `lab ${command.name} does not take ${JSON.stringify(extra)}`, { hint });
}

function chosen(value: string, choices: readonly string[] | undefined, what: string): string {
  if (choices === undefined || choices.includes(value)) return value;
  const near = nearest(value, choices);
  throw new LabError(
    'usage',
    `${what} ${JSON.stringify(value)} is none of ${choices.join(', ')}`,
    near === undefined ? {} : { hint: `did you mean ${near}?` },
  );
}
