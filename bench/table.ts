/** Results as a table that a person reads. */
import type { BenchResult } from './result.ts';

const HEAD = ['', 'ours', 'baseline', 'unit', 'beside it', 'promised'] as const;

export function table(results: readonly BenchResult[]): string {
  const rows = results.map((result) => [
    result.name,
    figure(result.ours),
    figure(result.baseline),
    result.unit,
    relation(result),
    promised(result),
  ]);
  const widths = HEAD.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const lines = [HEAD, ...rows].map((row) =>
    row
      .map((cell, column) =>
        column === 0 || column === 3 || column === 5
          ? cell.padEnd(widths[column] ?? 0)
          : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  const notes = results.flatMap(({ name, note }) => (note === undefined ? [] : [`  ${name}: ${note}`]));
  return `${[...lines, ...(notes.length > 0 ? ['', ...notes] : [])].join('\n')}\n`;
}

/** Whether a result keeps what is promised; undefined where nothing is. */
export function kept({ bar, ours, ratio }: BenchResult): boolean | undefined {
  if (bar === undefined) return undefined;
  return (bar.of === 'ours' ? ours : (ratio ?? Number.POSITIVE_INFINITY)) <= bar.most;
}

/** How many times the baseline it costs; undefined for what is no cost, or where the baseline is none. */
export function costs({ ours, baseline, unit }: BenchResult): number | undefined {
  if (baseline === 0 || ours === 0) return undefined;
  return unit === 'events/s' ? baseline / ours : ours / baseline;
}

function relation(result: BenchResult): string {
  const times = costs(result);
  if (times === undefined) return '-';
  return times >= 1 ? `${figure(times)}x the cost` : `${figure(1 / times)}x cheaper`;
}

function promised(result: BenchResult): string {
  const { bar, unit } = result;
  if (bar === undefined) return '';
  const most = bar.of === 'ours' ? `${bar.most} ${unit}` : `${bar.most}x`;
  return `at most ${most}: ${kept(result) ? 'kept' : 'NOT KEPT'}`;
}

/** Three digits are what such figures are worth. */
function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (value >= 1_000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}
