import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { COMMANDS, GLOBALS } from './commands.ts';
import { completionScript, SHELLS } from './completion.ts';

const script = completionScript('bash', COMMANDS, GLOBALS);

/** What bash would offer for a line whose last word is being typed; the command it asks answers with two names. */
function offered(...line: string[]): string[] {
  const ask = 'hub() { echo piha/broker; echo vps/web; }';
  const type = `COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _lab hub; printf "%s\\n" "\${COMPREPLY[@]}"`;
  const out = execFileSync('bash', ['--norc', '-c', `${ask}\n${script}\n${type}`, 'bash', ...line], {
    encoding: 'utf8',
  });
  return out.split('\n').filter((word) => word !== '');
}

it.each([
  [
    ['lab', 'ap'],
    ['apply', 'approve'],
  ],
  [['lab', 'logs', 'pi'], ['piha/broker']],
  [['lab', 'logs', 'piha/broker', '--t'], ['--tail']],
  [
    ['lab', 'help', 'app'],
    ['apply', 'approve'],
  ],
  [
    ['lab', 'status', '-o', ''],
    ['table', 'json', 'yaml'],
  ],
  [['lab', 'events', '--class', 'h'], ['health']],
  [['lab', 'approve', 'x', '--note', ''], []],
  [['lab', 'audit', 'v'], ['verify']],
  [['lab', 'status', ''], []],
])('bash completes %j', (line, words) => {
  expect(offered(...line)).toEqual(words);
});

it.each(SHELLS)('%s knows every command', (shell) => {
  const text = completionScript(shell, COMMANDS, GLOBALS);
  for (const { name } of COMMANDS) expect(text).toMatch(new RegExp(`\\b${name}\\b`));
});
