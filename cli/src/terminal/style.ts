/** Colours, each with a meaning; none where no terminal is, or where they are not wanted. */

export type Tone = 'ok' | 'wait' | 'bad' | 'stale' | 'soft' | 'strong' | 'accent';

const CODES: Record<Tone, string> = {
  ok: '32',
  wait: '33',
  bad: '31',
  stale: '90',
  soft: '90',
  strong: '1',
  accent: '36',
};

export type Style = (tone: Tone | undefined, text: string) => string;

export const noStyle: Style = (_tone, text) => text;
export const colours: Style = (tone, text) =>
  tone === undefined || text === '' ? text : `\u001b[${CODES[tone]}m${text}\u001b[0m`;

/** https://no-color.org: NO_COLOR set to anything but the empty string. */
export function styleFor(
  env: Readonly<Record<string, string | undefined>>,
  terminal: boolean,
  refused: boolean,
): Style {
  return terminal && !refused && !env.NO_COLOR && env.TERM !== 'dumb' ? colours : noStyle;
}
