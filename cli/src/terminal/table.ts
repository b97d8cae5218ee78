/** Tables: columns as wide as what is in them; on a narrow terminal the columns that may give way are cut, widest first. */
import { noStyle, type Style, type Tone } from './style.ts';
import { displayWidth, padEnd, printable, truncate } from './width.ts';

export interface Cell {
  readonly text: string;
  readonly tone?: Tone;
}

export interface Column {
  readonly head: string;
  /** May be cut down to so many columns. */
  readonly shrinksTo?: number;
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

function shrink(widths: number[], columns: readonly Column[], limit: number): void {
  const total = (): number => widths.reduce((sum, width) => sum + width, GAP * (widths.length - 1));
  for (let over = total() - limit; over > 0; over--) {
    let widest = -1;
    for (const [at, { shrinksTo }] of columns.entries()) {
      const width = widths[at] ?? 0;
      if (shrinksTo !== undefined && width > shrinksTo && width > (widths[widest] ?? 0)) widest = at;
    }
    if (widest === -1) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
}
