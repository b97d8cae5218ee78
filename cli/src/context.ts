/** What a command gets. */
import { hostname } from 'node:os';
import type { Args } from './args.ts';
import { Hub } from './hub/client.ts';
import { Seen } from './seen.ts';
import { listening, type Settings, settingsFrom } from './settings.ts';
import type { Io } from './terminal/io.ts';
import { type Style, styleFor } from './terminal/style.ts';
import type { Drawing } from './terminal/table.ts';

export type Output = 'table' | 'json' | 'yaml';

export interface Context {
  readonly io: Io;
  readonly settings: Settings;
  readonly hub: Hub;
  readonly output: Output;
  /** For stdout. */
  readonly drawing: Drawing;
  /** For stderr. */
  readonly errStyle: Style;
  readonly seen: Seen;
  readonly nowMs: number;
}

export interface Command {
  run(context: Context, args: Args): Promise<number>;
}

export function contextFrom(io: Io, args: Args): Context {
  const { env } = io;
  const settings = settingsFrom(env, args);
  const refused = args.flag('no-color');
  const who = `${env.USER || env.LOGNAME || 'operator'}@${hostname()}`.replace(/[^\w.@+-]/g, '-').slice(0, 100);
  const output = (args.value('output') as Output | undefined) ?? 'table';
  return {
    io,
    settings,
    hub: new Hub({
      url: settings.url,
      get token() {
        return settings.token();
      },
      who,
      drawn: output === 'table',
      holder: () => holderOf(settings),
    }),
    output,
    drawing: { style: styleFor(env, io.outTerminal, refused), columns: io.columns },
    errStyle: styleFor(env, io.errTerminal, refused),
    seen: new Seen(settings.hubRoot, env),
    nowMs: io.clock.now(),
  };
}

/** The daemon of this root, unless what was asked for is the address of another one. */
async function holderOf({ hubRoot, url }: Settings): Promise<number | undefined> {
  const pid = await (await import('@lab/daemon/lock')).holder(hubRoot);
  const noted = listening(hubRoot);
  return noted !== undefined && noted.pid === pid && noted.url !== url ? undefined : pid;
}

/** Data as it was asked for: `draw` makes the table. */
export async function print(context: Context, data: unknown, draw: () => string): Promise<void> {
  if (context.output === 'json') context.io.out(`${JSON.stringify(data, null, 2)}\n`);
  else if (context.output === 'yaml') context.io.out(`${(await import('./terminal/yaml.ts')).toYaml(data)}\n`);
  else context.io.out(draw());
}
