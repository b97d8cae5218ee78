/** One command line, from its words to its exit code. Everything that a command throws is said here and nowhere else. */
import { parse } from './args.ts';
import { COMMANDS, GLOBALS } from './commands.ts';
import { contextFrom } from './context.ts';
import { fail } from './fail.ts';
import type { Io } from './terminal/io.ts';
import { styleFor } from './terminal/style.ts';

export async function run(argv: readonly string[], io: Io): Promise<number> {
  try {
    const { command, args } = parse(argv, COMMANDS, GLOBALS);
    if (args.flag('version')) {
      const { version } = await import('./version.ts');
      io.out(`lab ${version()}\n`);
      return 0;
    }
    if (command === undefined || args.flag('help')) {
      const { helpText } = await import('./help.ts');
      const asked = command !== undefined || args.flag('help');
      (asked ? io.out : io.err)(helpText(command, COMMANDS, GLOBALS));
      return asked ? 0 : 2;
    }
    const { run: start } = await command.load();
    return await start(contextFrom(io, args), args);
  } catch (cause) {
    return fail(io, styleFor(io.env, io.errTerminal, argv.includes('--no-color')), cause);
  }
}
