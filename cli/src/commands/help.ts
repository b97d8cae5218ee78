import type { Args } from '../args.ts';
import { parse } from '../args.ts';
import { COMMANDS, GLOBALS } from '../commands.ts';
import type { Context } from '../context.ts';
import { helpText } from '../help.ts';

export async function run({ io }: Context, args: Args): Promise<number> {
  const name = args.positionals[0];
  // Parsed as a command line of its own, so that a misspelt name gets the same answer.
  const command = name === undefined ? undefined : parse([name, '--help'], COMMANDS, GLOBALS).command;
  io.out(helpText(command, COMMANDS, GLOBALS));
  return 0;
}
