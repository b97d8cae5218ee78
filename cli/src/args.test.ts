import { LabError } from '@lab/sdk/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Grammar, parse } from './args.ts';

const GLOBALS = [
  { name: 'output', short: 'o', value: 'FORMAT', choices: ['table', 'json'], summary: '' },
  { name: 'help', short: 'h', summary: '' },
];
const COMMANDS: Grammar[] = [
  {
    name: 'logs',
    positionals: [{ name: 'SERVICE' }],
    options: [
      { name: 'follow', short: 'f', summary: '' },
      { name: 'tail', short: 'n', value: 'LINES', summary: '' },
    ],
  },
  { name: 'audit', positionals: [{ name: 'VERB', optional: true, choices: ['verify'] }], options: [] },
  { name: 'targets', positionals: [{ name: 'QUERY', many: true }], options: [] },
];

const read = (line: string) => parse(line === '' ? [] : line.split(' '), COMMANDS, GLOBALS);

function refusal(line: string): LabError {
  try {
    read(line);
  } catch (cause) {
    if (cause instanceof LabError) return cause;
  }
  throw new Error(`${line} was taken`);
}

describe('a command line', () => {
  it.each(['logs a/b --tail 5 -f', 'logs -f --tail=5 a/b', 'logs -n5 a/b -f', '-o json logs -f -n 5 a/b'])(
    '%s',
    (line) => {
      const { command, args } = read(line);
      expect(command?.name).toBe('logs');
      expect(args.positionals).toEqual(['a/b']);
      expect({ follow: args.flag('follow'), tail: args.value('tail'), count: args.count('tail', 1) }).toEqual({
        follow: true,
        tail: '5',
        count: 5,
      });
    },
  );

  it('after -- everything is a word', () => {
    expect(read('logs -- -f').args.positionals).toEqual(['-f']);
    expect(read('logs -').args.positionals).toEqual(['-']);
  });

  it('takes all words where the grammar says so', () => {
    expect(read('targets site=home and has(gpu)').args.positionals).toEqual(['site=home', 'and', 'has(gpu)']);
  });

  it('without a command there is none', () => {
    expect(read('').command).toBeUndefined();
    expect(read('-h').args.flag('help')).toBe(true);
  });

  it('help asks for nothing else', () => {
    expect(read('logs --help').command?.name).toBe('logs');
  });

  it.each([
    ['lgos', 'no command "lgos"', 'did you mean logs?'],
    ['xxxxxx', 'no command "xxxxxx"', 'lab help lists the commands'],
    ['logs --folow x', 'lab logs has no option --folow', 'did you mean --follow?'],
    ['logs -x y', 'has no option -x', 'lab help logs'],
    ['logs', 'needs SERVICE', 'lab help logs'],
    ['logs a b', 'does not take "b"', 'lab help logs'],
    ['logs a --tail', '--tail needs a value', '--tail LINES'],
    ['logs a --follow=yes', '--follow takes no value', 'write --follow alone'],
    ['logs a -o jso', '-o "jso" is none of table, json', 'did you mean json?'],
    ['audit verif', 'VERB "verif" is none of verify', 'did you mean verify?'],
  ])('%s is usage', (line, message, hint) => {
    const error = refusal(line);
    expect(error).toMatchObject({
      code: 'usage',
      message: expect.stringContaining(message),
      hint: expect.stringContaining(hint),
    });
  });

  it('a number is a number', () => {
    expect(() => read('logs a -n many').args.count('tail', 1)).toThrow('no number');
    expect(read('logs a').args.count('tail', 7)).toBe(7);
  });

  it('whatever is typed, it is read or refused as usage', () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom('logs', 'audit', '--', '-f', '--tail', '-n', '-o', 'json', '--x=1', '__proto__'),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), (words) => {
        try {
          parse(words, COMMANDS, GLOBALS);
        } catch (cause) {
          expect(cause).toMatchObject({ code: 'usage' });
        }
      }),
    );
  });
});
