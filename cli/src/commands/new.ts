/** `lab new DIR`: a small fleet of one's own, and the three commands that come next. */
import { arch, hostname } from 'node:os';
import { relative, resolve } from 'node:path';
import { archFrom, newFleet, nodeNameFrom } from '@lab/kernel/inventory/scaffold';
import type { Args } from '../args.ts';
import { type Context, print } from '../context.ts';
import { count } from '../faces/words.ts';

export async function run(context: Context, args: Args): Promise<number> {
  const asked = args.need(0);
  const dir = resolve(asked);
  const node = args.value('node') ?? nodeNameFrom(hostname());
  const files = await newFleet(dir, { node, arch: archFrom(arch()) });
  const shown = relative(process.cwd(), dir).startsWith('..') ? dir : asked;
  await print(context, { dir, node, files }, () =>
    [
      `${shown}: ${count(files.length, 'file')}, one node (${node}), one service`,
      '',
      ...files.map((file) => `  ${file}`),
      '',
      'Next:',
      `  lab validate --repo ${shown}`,
      `  LAB_REPO=${shown} ./lab up`,
      '  lab apply',
      '',
    ].join('\n'),
  );
  return 0;
}
