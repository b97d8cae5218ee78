import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { importsIn, MAY_IMPORT, type Package, violations } from './law.ts';

const ROOT = join(import.meta.dirname, '..');
const manifestSchema = z.object({
  name: z.string(),
  workspaces: z.array(z.string()).default([]),
  dependencies: z.record(z.string(), z.string()).default({}),
  devDependencies: z.record(z.string(), z.string()).default({}),
});
const manifest = (dir: string) =>
  manifestSchema.parse(JSON.parse(readFileSync(join(ROOT, dir, 'package.json'), 'utf8')));

const { workspaces, devDependencies, dependencies: rootDependencies } = manifest('.');
const DIRS = workspaces.flatMap((entry) => {
  if (!entry.endsWith('/*')) return [entry];
  const parent = entry.slice(0, -2);
  return readdirSync(join(ROOT, parent), { withFileTypes: true })
    .filter((one) => one.isDirectory())
    .map((one) => `${parent}/${one.name}`);
});
const PACKAGES: readonly Package[] = DIRS.map((dir) => {
  const { name, dependencies } = manifest(dir);
  return { name, dir, dependencies: new Set(Object.keys(dependencies)) };
});
const SHARED = new Set([...Object.keys(devDependencies), ...Object.keys(rootDependencies)]);

function sources(dir: string): string[] {
  return readdirSync(join(ROOT, dir), { withFileTypes: true }).flatMap((one) => {
    if (one.name === 'node_modules') return [];
    const path = `${dir}/${one.name}`;
    return one.isDirectory() ? sources(path) : path.endsWith('.ts') ? [path] : [];
  });
}

describe('the law of imports', () => {
  const files = [...DIRS, 'test', 'bench'].flatMap(sources);

  it('knows every workspace, and read files of each', () => {
    for (const dir of DIRS) {
      expect(Object.keys(MAY_IMPORT)).toContain(dir.split('/')[0]);
      expect(files.filter((path) => path.startsWith(`${dir}/`)).length, dir).toBeGreaterThan(0);
    }
    expect(Object.keys(MAY_IMPORT).sort()).toEqual([...new Set(DIRS.map((dir) => dir.split('/')[0]))].sort());
    expect(files.length).toBeGreaterThan(250);
  });

  it('finds about as many imports as there are', () => {
    const all = files.flatMap((path) => importsIn(readFileSync(join(ROOT, path), 'utf8')).found);
    expect(all.length).toBeGreaterThan(files.length * 2);
    for (const wanted of ['@lab/sdk', 'tsyringe', 'better-sqlite3', 'node:fs/promises', 'pino'])
      expect(
        all.some(({ from }) => from === wanted),
        wanted,
      ).toBe(true);
  });

  it('is kept', () => {
    const wrong = files.flatMap((path) => violations(path, readFileSync(join(ROOT, path), 'utf8'), PACKAGES, SHARED));
    expect(wrong).toEqual([]);
  });
});

describe('a violation', () => {
  const check = (path: string, text: string): string[] =>
    violations(path, text, PACKAGES, SHARED).map((line) => line.slice(path.length + 2));

  const planted: [path: string, text: string, said: string][] = [
    ['kernel/src/x.ts', `import { a } from '@lab/hub/hub';`, 'kernel may not import hub: @lab/hub/hub'],
    [
      'kernel/src/x.ts',
      `import type { A } from '@lab/api/control-plane';`,
      'kernel may not import api: @lab/api/control-plane',
    ],
    ['sdk/src/x.ts', `export * from '@lab/kernel/log';`, 'sdk may not import kernel: @lab/kernel/log'],
    ['sdk/src/x.ts', `const a = await import('@lab/kernel/log');`, 'sdk may not import kernel: @lab/kernel/log'],
    ['sdk/src/x.ts', `type A = import('@lab/kernel/log').Level;`, 'sdk may not import kernel: @lab/kernel/log'],
    ['sdk/src/x.ts', `import {\n  a,\n  b,\n} from "yaml";`, 'sdk/package.json does not declare: yaml'],
    ['sdk/src/x.ts', `import 'yaml';`, 'sdk/package.json does not declare: yaml'],
    [
      'plugins/provider-process/index.ts',
      `import { a } from '@lab/kernel/log';`,
      'plugins may not import kernel: @lab/kernel/log',
    ],
    [
      'plugins/provider-process/index.ts',
      `import a from '@lab/health-probe';`,
      'plugins may not import plugins/health-probe: @lab/health-probe',
    ],
    [
      'edge/src/x.ts',
      `import a from '@lab/provider-process';`,
      'only compose.ts names a concrete plugin: @lab/provider-process',
    ],
    ['edge/src/compose.ts', `import { a } from '@lab/hub/hub';`, 'edge may not import hub: @lab/hub/hub'],
    ['cli/src/x.ts', `import { a } from '@lab/kernel/container';`, 'cli may not import kernel: @lab/kernel/container'],
    [
      'cli/src/x.ts',
      `import { a } from '@lab/kernel/inventory-more/x';`,
      'cli may not import kernel: @lab/kernel/inventory-more/x',
    ],
    [
      'hub/src/x.ts',
      `import { a } from '../../kernel/src/log.ts';`,
      'leaves its package by a relative path: ../../kernel/src/log.ts',
    ],
    ['kernel/src/x.ts', `import { FakeClock } from '@lab/sdk/testing';`, 'imports what is for tests: @lab/sdk/testing'],
    [
      'kernel/src/x.ts',
      `import { a } from '../testing/plugin-house.ts';`,
      'imports what is for tests: ../testing/plugin-house.ts',
    ],
    ['kernel/src/x.ts', `import { container } from 'tsyringe';`, 'only kernel/src/container.ts may import: tsyringe'],
    ['bench/x.ts', `import { container } from 'tsyringe';`, 'only kernel/src/container.ts may import: tsyringe'],
    [
      'kernel/src/x.test.ts',
      `import Database from 'better-sqlite3';`,
      'only kernel/src/store/ may import: better-sqlite3',
    ],
    [
      'hub/src/x.ts',
      `import { readFile, writeFile } from 'node:fs/promises';`,
      'writes past the disk port (writeFile): node:fs/promises',
    ],
    ['kernel/src/x.ts', `import fs from 'node:fs';`, 'takes the whole file system, name what is read: node:fs'],
    ['kernel/src/x.ts', `import * as fs from 'node:fs';`, 'takes the whole file system, name what is read: node:fs'],
    ['edge/src/x.ts', `const fs = await import('node:fs');`, 'takes the whole file system, name what is read: node:fs'],
    ['kernel/src/x.ts', `const name = 'x'; await import(name);`, 'imports something that only a run can tell'],
    ['kernel/src/x.ts', `await using file = await open();`, 'has a `using` statement, which Node 22 cannot parse'],
    ['kernel/src/x.ts', `import { a } from '@lab/nothing';`, 'is no package of the house: @lab/nothing'],
  ];
  for (const [path, text, said] of planted)
    it(`is caught in ${path}: ${text.replaceAll('\n', ' ')}`, () => {
      expect(check(path, text)).toEqual([said]);
      expect(check(path, `// a comment\nconst s = "it's";\n/* and */ ${text}`)).toEqual([said]);
    });

  it('is not what the law allows', () => {
    const fine: [path: string, text: string][] = [
      ['kernel/src/x.ts', `// import { a } from '@lab/hub/hub';`],
      ['kernel/src/x.ts', `/* import('@lab/hub/hub') */ const a = \`import '@lab/hub/hub'\`;`],
      [
        'kernel/src/x.ts',
        `import { a } from '@lab/sdk/clock'; import { type Stats, stat as s } from 'node:fs/promises';`,
      ],
      ['kernel/src/disk/x.ts', `import { writeFile } from 'node:fs/promises';`],
      [
        'kernel/src/x.test.ts',
        `import { writeFile } from 'node:fs/promises'; import { FakeClock } from '@lab/sdk/testing';`,
      ],
      ['cli/src/x.ts', `import { a } from '@lab/kernel/inventory/load';`],
      ['edge/src/compose.ts', `import a from '@lab/provider-process';`],
      ['hub/src/x.ts', `import { a } from '@lab/hub/other'; import { b } from './b.ts';`],
    ];
    for (const [path, text] of fine) expect(check(path, text), text).toEqual([]);
  });
});
