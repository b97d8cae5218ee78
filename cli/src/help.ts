/** Help, drawn from the table of commands. */
import type { Option, Positional } from './args.ts';
import type { CommandRow } from './commands.ts';

export function helpText(
  command: CommandRow | undefined,
  commands: readonly CommandRow[],
  globals: readonly Option[],
): string {
  return command === undefined ? overview(commands, globals) : page(command, globals);
}

function overview(commands: readonly CommandRow[], globals: readonly Option[]): string {
  return [
    'lab keeps a homelab as Git says, and changes nothing that nobody approved.',
    '',
    'Usage: lab COMMAND [OPTIONS]',
    '',
    columns(commands.map((command) => [command.name, command.summary])),
    '',
    'Everywhere:',
    columns(globals.map((option) => [optionText(option), option.summary])),
    '',
    'Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 not allowed, 5 conflict or stale,',
    '6 waits for approval, 7 target out of reach (queued), 8 hub out of reach.',
    '',
    'lab help COMMAND says more, with examples.',
    '',
  ].join('\n');
}

function page(command: CommandRow, globals: readonly Option[]): string {
  const words = [
    'lab',
    command.name,
    ...(command.options.length > 0 ? ['[OPTIONS]'] : []),
    ...command.positionals.map(positionalText),
  ];
  const parts = [`lab ${command.name}: ${command.summary}`, '', `Usage: ${words.join(' ')}`];
  if (command.more !== undefined) parts.push('', command.more);
  if (command.options.length > 0) {
    parts.push('', 'Options:', columns(command.options.map((option) => [optionText(option), option.summary])));
  }
  if (command.examples.length > 0) parts.push('', 'Examples:', columns(command.examples));
  parts.push('', `Everywhere: ${globals.map((option) => `--${option.name}`).join(', ')} (see lab help)`, '');
  return parts.join('\n');
}

function positionalText({ name, optional, many, choices }: Positional): string {
  const text = (choices?.join('|') ?? name) + (many === true ? ' …' : '');
  return optional === true ? `[${text}]` : text;
}

function optionText({ name, short, value }: Option): string {
  return `${short === undefined ? '    ' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n');
}
