import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { cleaned } from '../hub/cleaned.ts';
import { nearest } from './nearest.ts';
import { colours } from './style.ts';
import { plainDrawing, table } from './table.ts';
import { age, clockTime, duration, parseDuration, parseInstant, zone } from './when.ts';
import { displayWidth, padEnd, truncate } from './width.ts';
import { toYaml } from './yaml.ts';

const NOW = Date.UTC(2026, 10, 21, 14, 2, 11);

it.each([
  ['UTC', ''],
  ['America/New_York', ' (UTC-5)'],
  ['Asia/Kolkata', ' (UTC+5:30)'],
])('times of %s say their zone where it is not UTC', (name, said) => {
  const before = process.env.TZ;
  process.env.TZ = name;
  try {
    expect(zone(NOW)).toBe(said);
  } finally {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  }
});

describe('width', () => {
  it.each([
    ['abc', 3],
    ['● ▲ ■ ◌ → – … ·', 15],
    ['名前', 4],
    ['e\u0301', 1],
    ['👍', 2],
    ['👩‍👩‍👧', 2],
    ['', 0],
  ])('%j takes %i columns', (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });

  it('what is cut never takes more than it may, and says that it was cut', () => {
    const text = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 40 }), (whole, width) => {
        const cut = truncate(whole, width);
        expect(displayWidth(cut)).toBeLessThanOrEqual(width);
        expect(cut === whole || cut.endsWith('…')).toBe(true);
        expect(displayWidth(padEnd(cut, width))).toBeGreaterThanOrEqual(width);
      }),
    );
  });
});

describe('a table', () => {
  const columns = [{ head: 'NAME', shrinksTo: 6 }, { head: 'N' }, { head: 'WHY', shrinksTo: 8 }];
  const rows = [
    ['a-rather-long-name', '1', 'because of something that takes a while to say'],
    ['名前', '22', { text: 'short', tone: 'bad' as const }],
  ];

  it('is as wide as what is in it', () => {
    expect(table(columns, rows, plainDrawing)).toBe(
      'NAME                N   WHY\na-rather-long-name  1   because of something that takes a while to say\n名前                22  short\n',
    );
  });

  it('puts a sentence whole below its row where there is no room beside it', () => {
    const telling = columns.map((column) =>
      column.head === 'WHY' ? { head: 'WHY', below: true } : { head: column.head },
    );
    expect(table(telling, [...rows, ['bare', '3', '']], { ...plainDrawing, columns: 30 })).toBe(
      [
        'NAME                N',
        'a-rather-long-name  1',
        '  because of something that',
        '  takes a while to say',
        '名前                22',
        '  short',
        'bare                3',
        '',
      ].join('\n'),
    );
    expect(table(telling, rows, { ...plainDrawing, columns: 80 })).toBe(table(columns, rows, plainDrawing));
  });

  it('gives way on a narrow terminal, down to what its columns say', () => {
    const lines = table(columns, rows, { ...plainDrawing, columns: 30 })
      .trimEnd()
      .split('\n');
    for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(30);
    const tiny = table(columns, rows, { ...plainDrawing, columns: 5 }).split('\n');
    expect(tiny[1]).toBe('a-rat…  1   because…');
  });

  it('colours change no width', () => {
    const plain = table(columns, rows, plainDrawing);
    const coloured = table(columns, rows, { style: colours, columns: undefined });
    expect(coloured).toContain('\u001b[31mshort\u001b[0m');
    expect(coloured.replace(/\p{Cc}\[\d+m/gu, '')).toBe(plain);
  });

  it('keeps a row on its line', () => {
    expect(table([{ head: 'A' }], [['one\ntwo\u001b[2J']], plainDrawing)).toBe('A\none two·[2J\n');
  });
});

describe('times', () => {
  it.each([
    [0, '0 s'],
    [-5_000, '0 s'],
    [89_000, '89 s'],
    [90_000, '1 min'],
    [89 * 60_000, '89 min'],
    [90 * 60_000, '1 h'],
    [47 * 3_600_000, '47 h'],
    [48 * 3_600_000, '2 d'],
  ])('%i ms is %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });

  it('of never is a dash', () => expect(age(null, NOW)).toBe('–'));

  it('a time of day says its day where that is another', () => {
    const local = (days: number): string => new Date(new Date(2026, 10, 21 + days, 22, 0).getTime()).toISOString();
    const now = new Date(2026, 10, 21, 14, 0).getTime();
    expect([0, 1, 6, 7, -1].map((days) => clockTime(local(days), now))).toEqual([
      '22:00',
      'Sun 22:00',
      'Fri 22:00',
      '2026-11-28 22:00',
      '2026-11-20 22:00',
    ]);
  });

  it.each([
    ['90s', 90_000],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
  ])('%s is %i ms', (text, ms) => expect(parseDuration(text, 'x')).toBe(ms));

  it.each(['', '5', 'h', '-1h', '1h ', '0s', '1y', '99999999999999999d'])('%j is no duration', (text) => {
    expect(() => parseDuration(text, '--for')).toThrow('--for');
  });

  it('an instant, or how long ago', () => {
    expect(parseInstant('10m', NOW, 'x')).toBe('2026-11-21T13:52:11.000Z');
    expect(parseInstant('10m ago', NOW, 'x')).toBe('2026-11-21T13:52:11.000Z');
    expect(parseInstant('2026-11-21T14:00:00+01:00', NOW, 'x')).toBe('2026-11-21T13:00:00.000Z');
    for (const text of ['yesterday', '14:00', '2026-99-99', ''])
      expect(() => parseInstant(text, NOW, 'x')).toThrow('no time');
  });
});

describe('YAML', () => {
  it('reads back as what it was', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const json = JSON.parse(JSON.stringify(value));
        expect(parseYaml(toYaml(json))).toEqual(json);
      }),
    );
    for (const text of [
      'yes',
      'no',
      'null',
      '~',
      '1',
      '1e3',
      '0x1f',
      '- x',
      'a: b',
      'a #b',
      ' x',
      'x ',
      '',
      '2026-01-01',
      '\n',
      '"',
      '*a',
      '&a',
      '!x',
      '%x',
      '@x',
      '`x',
    ]) {
      expect(parseYaml(toYaml({ [text]: [text, { text }] }))).toEqual({ [text]: [text, { text }] });
    }
  });
});

describe('the nearest word', () => {
  const words = ['status', 'start', 'stop', 'services', 'approve'];
  it.each([
    ['statu', 'status'],
    ['sttaus', 'status'],
    ['aprove', 'approve'],
    ['serv', 'services'],
    ['xyz', undefined],
    ['', undefined],
  ])('%j: %s', (typed, word) => expect(nearest(typed, words)).toBe(word));
});

it('what is shown neither moves the cursor nor turns the text around', () => {
  expect(cleaned({ 'a\u0007': ['x\u001b[2J', 'y\u009b', 'rm \u202etxt.x', 'one\n\ttwo', 1, null] })).toEqual({
    a·: ['x·[2J', 'y·', 'rm ·txt.x', 'one\n\ttwo', 1, null],
  });
});
