/** Whatever stands in the files: problems or a fleet, never an exception, and never for long. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Files, GOOD_FLEET, TempFleet } from '../../testing/temp-fleet.ts';
import { Document } from './document.ts';
import { formatProblems, loadFleet } from './load.ts';
import { Problems } from './problem.ts';

const FULL: Files = {
  ...GOOD_FLEET,
  'lab.yaml': 'plugins: { provider.ssh: { a: 1 } }\nthresholds: { heartbeat: { lan: 10s }, disk: { high: 90 } }\n',
  'inventory/attachments.yaml':
    'attachments:\n  - { target: "*", env: { TZ: UTC }, secrets: [a], services: { broker: {} } }\n',
  'inventory/ingress.yaml': 'ingress:\n  - { host: a.example.org, service: bridge, node: piha, via: vps }\n',
  'inventory/profiles.yaml': 'profiles: { small: { process: { env: { A: b } } } }\n',
  'hosts/piha/services.yaml':
    'services:\n  broker: { size: small }\n  bridge: { exposure: public, depends_on: [broker] }\n',
  'hosts/piha/runtime/broker/docker-compose.override.yml': 'services: { broker: { environment: [A=b] } }\n',
};
const PATHS = Object.keys(FULL).filter((path) => path.endsWith('.yaml') || path.endsWith('.yml'));
const WORDS = [
  'services',
  'nodes',
  'target',
  'null',
  '__proto__',
  'constructor',
  '*',
  '&a',
  '*a',
  '<<',
  '!!binary',
  '!x',
  '? ',
  ': ',
  '- ',
  '{',
  '}',
  '[',
  ']',
  '"',
  "'",
  '|',
  '>',
  '#',
  '\n',
  '\n  ',
  '\t',
  '%YAML 1.1\n',
  '---\n',
  '...\n',
  '0x10',
  '.inf',
  '~',
  '\u0000',
  '\ufeff',
  'é',
];

let temp: TempFleet;
beforeAll(async () => {
  temp = await TempFleet.make(FULL);
  expect((await loadFleet(temp.dir)).problems).toEqual([]);
});
afterAll(() => temp[Symbol.asyncDispose]());

const damage = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => () => Buffer.from(bytes)),
  fc
    .double({ min: 0, max: 1, noNaN: true })
    .map((part) => (good: Buffer) => good.subarray(0, Math.floor(good.length * part))),
  fc.tuple(fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 8 })).map(
    ([at, bytes]) =>
      (good: Buffer) =>
        spliced(good, at, Buffer.from(bytes)),
  ),
  fc.tuple(fc.nat(), fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 6 })).map(
    ([at, words]) =>
      (good: Buffer) =>
        spliced(good, at, Buffer.from(words.join(''))),
  ),
  fc.anything({ maxDepth: 4 }).map((value) => () => Buffer.from(JSON.stringify(value) ?? '')),
);

test('damage to any file', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...PATHS), damage, async (path, harm) => {
      const good = Buffer.from(String(FULL[path]));
      await temp.write({ [path]: harm(good) });
      const { fleet, problems } = await loadFleet(temp.dir);
      await temp.write({ [path]: good });
      expect(fleet === undefined).toBe(problems.some(({ severity }) => severity === 'error'));
      expect([...formatProblems(problems)].every((char) => char === '\n' || char >= ' ')).toBe(true);
    }),
    { numRuns: 400 },
  );
});

test('every cut of every file', async () => {
  for (const path of PATHS) {
    const text = String(FULL[path]);
    for (let length = 0; length < text.length; length += 3) {
      const problems = new Problems();
      Document.parse(path, text.slice(0, length), problems)?.at(['services', 'broker']);
      expect(formatProblems(problems.sorted())).not.toContain('Error');
    }
  }
});

test.each([
  ['keys without end', `${Array.from({ length: 60_000 }, (_, i) => `k${i}: 1`).join('\n')}\n`],
  ['sequences without end', `a:\n${'  - x\n'.repeat(100_000)}`],
  ['maps in maps', Array.from({ length: 1_200 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
  ['aliases without end', `a: &a x\nb: [${'*a, '.repeat(100_000)}]\n`],
  ['one long line', `a: "${'x'.repeat(1_000_000)}"\n`],
  [
    'a chain of dependencies',
    `services:\n${Array.from({ length: 20_000 }, (_, i) => `  s${i}: { depends_on: [s${i + 1}] }`).join('\n')}\n`,
  ],
])(
  '%s is refused in time',
  async (_, text) => {
    await using own = await TempFleet.make({ 'hosts/piha/services.yaml': text });
    const { fleet } = await loadFleet(own.dir);
    expect(fleet).toBeUndefined();
    // The other files are not touched by it.
    expect(await readFile(join(own.dir, 'lab.yaml'), 'utf8')).toBe(GOOD_FLEET['lab.yaml']);
  },
  20_000,
);

function spliced(good: Buffer, at: number, bytes: Buffer): Buffer {
  const where = at % (good.length + 1);
  return Buffer.concat([good.subarray(0, where), bytes, good.subarray(where)]);
}
