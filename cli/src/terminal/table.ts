/**
 * Tables: columns as wide as what is in them. Where that is more than a narrow terminal has, sentences go below their rows, and
 * then the columns that may give way are cut, widest first.
 */
import { noStyle, type Style, type Tone } from './style.ts';
import { displayWidth, padEnd, printable, truncate, wrapped } from './width.ts';

export interface Cell {
  readonly text: string;
  readonly tone?: Tone;
}

export interface Column {
  readonly head: string;
  /** May be cut down to so many columns. */
  readonly shrinksTo?: number;
  /** Where the table is too wide, on lines of its own below its row, whole. */
  readonly below?: boolean;
}

export interface Drawing {
  readonly style: Style;
  readonly columns: number | undefined;
}

export const plainDrawing: Drawing = { style: noStyle, columns: undefined };

const GAP = 2;

export function table(
  columns: readonly Column[],
  rows: readonly (readonly (Cell | string)[])[],
  { style, columns: limit }: Drawing,
): string {
  const cells = rows.map((row) =>
    row.map((cell) => (typeof cell === 'string' ? { text: printable(cell) } : { ...cell, text: printable(cell.text) })),
  );
  const widths = columns.map((column, at) =>
    Math.max(displayWidth(column.head), ...cells.map((row) => displayWidth(row[at]?.text ?? ''))),
  );
  if (limit !== undefined && widthOf(widths) > limit && columns.some(({ below }) => below)) {
    const beside = <T>(row: readonly T[]): T[] => row.filter((_, at) => columns[at]?.below !== true);
    const rest = table(beside(columns), cells.map(beside), { style, columns: limit }).trimEnd().split('\n');
    const under = cells.map((row) => row.filter((cell, at) => columns[at]?.below && cell.text !== ''));
    const lines = rest.flatMap((text, at) => [
      text,
      ...(under[at - 1] ?? []).flatMap((cell) =>
        wrapped(cell.text, limit - GAP).map((part) => ' '.repeat(GAP) + style(cell.tone, part)),
      ),
    ]);
    return `${lines.join('\n')}\n`;
  }
  if (limit !== undefined) shrink(widths, columns, limit);
  const line = (row: readonly Cell[]): string =>
    row
      .map((cell, at) => {
        const width = widths[at] ?? 0;
        const text = truncate(cell.text, width);
        const padding = at === row.length - 1 ? '' : padEnd(text, width).slice(text.length);
        return style(cell.tone, text) + padding;
      })
      .join(' '.repeat(GAP))
      .trimEnd();
  const head = line(columns.map((column) => ({ text: column.head, tone: 'soft' })));
  return `${[head, ...cells.map(line)].join('\n')}\n`;
}

function widthOf(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, GAP * (widths.length - 1));
}

function shrink(widths: number[], columns: readonly Column[], limit: number): void {
  for (let over = widthOf(widths) - limit; over > 0; over--) {
    let widest = -1;
    for (const [at, { shrinksTo }] of columns.entries()) {
      const width = widths[at] ?? 0;
      if (shrinksTo !== undefined && width > shrinksTo && width > (widths[widest] ?? 0)) widest = at;
    }
    if (widest === -1) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
}
