/**
 * Prints of positions for people: `state/observer/<node>.json`. One that is missing means: somebody wants that node folded again, so a
 * checkpoint that vouches for it must not be used.
 */
import { join } from 'node:path';
import { isName, sha256 } from '@lab/sdk';
import type { Disk } from '../disk/disk.ts';
import type { Position } from './positions.ts';

export class PositionPrints {
  readonly #disk: Disk;
  readonly #dir: string;
  /** What is printed, by file name. */
  readonly #printed = new Map<string, string>();

  /** `dir`: `state/observer`. */
  constructor(disk: Disk, dir: string) {
    this.#disk = disk;
    this.#dir = dir;
  }

  /** Writes the nodes whose positions moved since the last print. */
  async print(positions: readonly Position[]): Promise<void> {
    for (const [node, streams] of Map.groupBy(positions, (position) => position.node)) {
      const name = fileOf(node);
      const text = `${JSON.stringify({ node, streams }, undefined, 2)}\n`;
      if (this.#printed.get(name) === text) continue;
      await this.#disk.replace(join(this.#dir, name), text);
      this.#printed.set(name, text);
    }
  }

  /** Nodes among these positions that have no print. */
  async missing(positions: readonly Position[]): Promise<string[]> {
    const there = new Set(await this.#disk.list(this.#dir));
    const nodes = new Set(positions.map(({ node }) => node));
    return [...nodes].filter((node) => !there.has(fileOf(node)));
  }
}

/** A sender may call itself anything; only a name becomes a file name. */
function fileOf(node: string): string {
  return isName(node) ? `${node}.json` : `_${sha256(node).slice(0, 32)}.json`;
}
