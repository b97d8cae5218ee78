/** The pages that are made from tables are as the tables are now; `npm run docs` makes them. */
import { readFileSync } from 'node:fs';
import { httpApiText, PATH } from '@lab/api/docs';
import { ROUTES } from '@lab/api/routes';
import { PAGES } from '@lab/cli/docs';
import { ERRORS } from '@lab/sdk';
import { expect, it } from 'vitest';

it.each([...PAGES, { path: PATH, text: httpApiText }])('$path is up to date', ({ path, text }) => {
  expect(readFileSync(path, 'utf8')).toBe(text());
});

it('every code and every route has its line', () => {
  const [errors = ''] = PAGES.map(({ text }) => text());
  for (const code of Object.keys(ERRORS)) expect(errors).toContain(`| \`${code}\` |`);
  const api = httpApiText();
  for (const { method, path } of ROUTES) expect(api).toContain(`### ${method} ${path}\n`);
});
