/** Completion scripts, drawn from the table of commands. Names of actions, nodes and services come from the hub while typing. */
import type { Option } from './args.ts';
import type { CommandRow } from './commands.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export function completionScript(shell: Shell, commands: readonly CommandRow[], globals: readonly Option[]): string {
  return { bash, zsh, fish }[shell](commands, globals);
}

function words(command: CommandRow, globals: readonly Option[]): string {
  return [...command.options, ...globals].map((option) => `--${option.name}`).join(' ');
}

/** What stands for the first positional: fixed words, or a question to the hub. */
function firstWords(command: CommandRow, commands: readonly CommandRow[]): string {
  const [first] = command.positionals;
  if (first?.choices !== undefined) return first.choices.join(' ');
  if (first?.completes === undefined || first.completes === 'directory') return '';
  return first.completes === 'command'
    ? commands.map(({ name }) => name).join(' ')
    : `$(lab completion --names ${first.completes} 2>/dev/null)`;
}

/** What follows an option: its choices, a directory, or nothing where it is free text. */
function bashValues(options: readonly Option[]): string {
  const taking = options.filter(({ value }) => value !== undefined);
  if (taking.length === 0) return '';
  const cases = taking.map(({ name, short, value, choices }) => {
    const words = value === 'DIR' ? '-d' : `-W "${choices?.join(' ') ?? ''}"`;
    return `${short === undefined ? '' : `-${short}|`}--${name}) COMPREPLY=($(compgen ${words} -- "$current")); return ;;`;
  });
  return ['    case "$before" in', ...cases.map((line) => `      ${line}`), '    esac', ''].join('\n');
}

function bash(commands: readonly CommandRow[], globals: readonly Option[]): string {
  const cases = commands.map((command) => {
    const names =
      command.positionals[0]?.completes === 'directory'
        ? '$(compgen -d -- "$current")'
        : firstWords(command, commands).replace('$(lab ', '$("$1" ');
    return `  ${command.name})\n${bashValues(command.options)}    words="${words(command, globals)}"; names="${names}" ;;`;
  });
  return `# lab completion bash > /etc/bash_completion.d/lab
_lab() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD - 1]}" words="" names=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map((command) => command.name).join(' ')}" -- "$current"))
    return
  fi
${bashValues(globals)}  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
    *) COMPREPLY=($(compgen -W "$names" -- "$current")) ;;
  esac
}
complete -F _lab lab
`;
}

function quoted(text: string): string {
  return text.replaceAll("'", "'\\''");
}

function zsh(commands: readonly CommandRow[], globals: readonly Option[]): string {
  const rows = commands.map((command) => `    '${command.name}:${quoted(command.summary)}'`);
  const cases = commands.map(
    (command) =>
      `    ${command.name}) compadd -- ${firstWords(command, commands)}; [[ $PREFIX == -* ]] && compadd -- ${words(command, globals)} ;;`,
  );
  return `#compdef lab
# lab completion zsh > "\${fpath[1]}/_lab"
_lab() {
  local -a commands=(
${rows.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case $words[2] in
${cases.join('\n')}
  esac
}
compdef _lab lab
`;
}

function fish(commands: readonly CommandRow[], globals: readonly Option[]): string {
  const lines = ['# lab completion fish > ~/.config/fish/completions/lab.fish', 'complete -c lab -f'];
  for (const command of commands) {
    const on = `__fish_seen_subcommand_from ${command.name}`;
    lines.push(`complete -c lab -n __fish_use_subcommand -a ${command.name} -d '${quoted(command.summary)}'`);
    const first = firstWords(command, commands).replace(/^\$\((.*) 2>\/dev\/null\)$/, '($1 2>/dev/null)');
    if (first !== '') lines.push(`complete -c lab -n '${on}' -a '${first}'`);
    for (const option of command.options) lines.push(`complete -c lab -n '${on}' ${fishOption(option)}`);
  }
  lines.push(...globals.map((option) => `complete -c lab ${fishOption(option)}`));
  return `${lines.join('\n')}\n`;
}

function fishOption({ name, short, value, choices, summary }: Option): string {
  return [
    `-l ${name}`,
    ...(short === undefined ? [] : [`-s ${short}`]),
    ...(value === undefined ? [] : ['-r']),
    ...(choices === undefined ? [] : [`-a '${choices.join(' ')}'`]),
    `-d '${quoted(summary)}'`,
  ].join(' ');
}
