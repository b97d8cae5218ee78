/** Writes docs/errors.md from the table of errors and docs/cli.md from the table of commands. `npm run docs` runs it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS } from '@lab/sdk/errors';
import { COMMANDS, type CommandRow, GLOBALS } from './commands.ts';
import { helpText } from './help.ts';

const DOCS = join(import.meta.dirname, '../../docs');

export const PAGES: readonly { readonly path: string; readonly text: () => string }[] = [
  { path: join(DOCS, 'errors.md'), text: errorsText },
  { path: join(DOCS, 'cli.md'), text: cliText },
];

const EXITS = [
  'done',
  'failed',
  'usage: the command line or the request is not of the form that is expected',
  'not found',
  'not allowed',
  'conflict or stale: somebody was first, or what was seen is no longer what it is',
  'waits for an approval or a window',
  'the target is out of reach; what was approved is queued for it',
  'no hub answers',
];

function errorsText(): string {
  const rows = Object.entries(ERRORS).map(
    ([code, { status, exit, summary }]) => `| \`${code}\` | ${summary} | ${status} | ${exit} |`,
  );
  return `# Errors

<!-- Made by npm run docs from the table in sdk/src/errors.ts. -->

Every error says what failed, on what, and what to do next. Its code decides the status of the HTTP answer (a problem document,
RFC 9457, whose \`code\` it is) and the exit code of \`lab\`.

| code | what it means | HTTP | exit |
|---|---|---|---|
${rows.join('\n')}

## Exit codes of lab

| exit | |
|---|---|
${EXITS.map((what, exit) => `| ${exit} | ${what} |`).join('\n')}
| 130 | ended by Ctrl-C |
`;
}

function cliText(): string {
  return `# lab on the command line

<!-- Made by npm run docs from the table of commands in cli/src/commands.ts. -->

Data goes to stdout, everything else to stderr. Colours, progress and questions are for terminals only; \`NO_COLOR\` and
\`--no-color\` take the colours away. \`-o json\` and \`-o yaml\` give what [http-api.md](http-api.md) describes, with instants where the
table has ages. While following, \`-o json\` is one object a line.

## Where things are

| variable | option | default |
|---|---|---|
| \`LAB_ROOT\` | \`--root\` | \`.lab\` in the fleet's directory: the runtime root |
| \`LAB_REPO\` | \`--repo\` | where lab is: the fleet's directory |
| \`LAB_URL\` | \`--url\` | the port below, else where the daemon of the root says that it listens |
| \`LAB_PORT\` | | 18180 |
| \`LAB_TOKEN\` | | what is in \`state/secure/token\` of the root |

Where neither root nor fleet is named, commands talk to the example fleet's hub if it is up, else to the one that you started last
with \`lab up\` (it leaves a note in \`$XDG_STATE_HOME/lab\`).

## Approving names what was seen

\`status\`, \`plan\`, \`actions\`, \`show\` and \`up\` remember what they have shown you: for each pending action its proposal and the hash of its
change (\`state/seen-<uid>.json\` of the root, or \`$XDG_STATE_HOME/lab\`). \`lab approve\` and \`lab apply\` send exactly that. If the
change became another since, the approval is refused as stale (exit 5). What was not shown is shown and asked for on a terminal;
elsewhere it takes \`--hash\` or \`--yes\` (exit 2 without). JSON output counts as shown to nobody.

## Commands

${COMMANDS.map(commandText).join('\n')}
## Exit codes

0 done, 1 failed, 2 usage, 3 not found, 4 not allowed, 5 conflict or stale, 6 waits for approval, 7 target out of reach (queued),
8 hub out of reach. Which error gives which: [errors.md](errors.md).
`;
}

function commandText(command: CommandRow): string {
  const page = helpText(command, COMMANDS, GLOBALS).split('\n');
  const body = page
    .slice(
      2,
      page.findLastIndex((line) => line.startsWith('Everywhere:')),
    )
    .join('\n')
    .trim();
  return `### lab ${command.name}\n\n${capital(command.summary)}.\n\n\`\`\`\n${body}\n\`\`\`\n`;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

if (import.meta.main) for (const { path, text } of PAGES) writeFileSync(path, text());
