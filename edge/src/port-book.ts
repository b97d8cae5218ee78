/**
 * Ports for services whose nodes share one machine: each (node, service, name) gets a number of its own, once, and keeps it.
 *
 * INVARIANTS: what is in the book is never given to another; the book is on disk before a number is used; a book that cannot be read
 * is begun anew (services that run keep the ports they have until they are started again).
 */
import { createServer } from 'node:net';
import type { Disk } from '@lab/kernel/disk/disk';
import { readJson } from '@lab/kernel/disk/json';
import { LabError } from '@lab/sdk';
import { z } from 'zod';

const bookSchema = z.record(z.string(), z.record(z.string(), z.int().min(1).max(65_535)));
type Book = Record<string, Record<string, number>>;

const FIRST = 18_200;
const ROOM = 10_000;
const HIGHEST = 65_535;

export class PortBook {
  readonly file: string;
  readonly #disk: Disk;
  readonly #first: number;
  #book: Book;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(disk: Disk, file: string, book: Book, first: number) {
    this.#disk = disk;
    this.file = file;
    this.#first = first;
    this.#book = book;
  }

  /** `first`: where the numbers begin, so that two fleets on one machine, with two ports of their own, stay out of each other's way. */
  static async open(
    disk: Disk,
    file: string,
    onBad: (path: string, reason: string) => Promise<void>,
    first = FIRST,
  ): Promise<PortBook> {
    return new PortBook(disk, file, (await readJson(disk, file, bookSchema, onBad)) ?? {}, first);
  }

  /** One at a time: two services must not find the same port free. */
  give(
    node: string,
    service: string,
    wanted: Readonly<Record<string, number>>,
  ): Promise<Readonly<Record<string, number>>> {
    const turn = this.#last.then(() => this.#give(`${node}/${service}`, Object.keys(wanted)));
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #give(key: string, names: readonly string[]): Promise<Readonly<Record<string, number>>> {
    const has = this.#book[key] ?? {};
    const missing = names.filter((name) => has[name] === undefined);
    if (missing.length > 0) {
      const taken = new Set(Object.values(this.#book).flatMap((ports) => Object.values(ports)));
      const given: Record<string, number> = { ...has };
      for (const name of missing) {
        const port = await firstFree(taken, this.#first);
        taken.add(port);
        given[name] = port;
      }
      const book = { ...this.#book, [key]: given };
      await this.#disk.replace(this.file, `${JSON.stringify(book, null, 2)}\n`);
      this.#book = book;
    }
    return Object.fromEntries(names.map((name) => [name, this.#book[key]?.[name] as number]));
  }
}

async function firstFree(taken: ReadonlySet<number>, first: number): Promise<number> {
  const last = Math.min(first + ROOM, HIGHEST);
  for (let port = first; port <= last; port++) if (!taken.has(port) && (await isFree(port))) return port;
  throw new LabError('conflict', `no free port between ${first} and ${last}`, {
    hint: 'end what holds them, or remove ports.json from the runtime root',
  });
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
