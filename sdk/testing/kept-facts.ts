/** Where facts go in a test: kept in order, numbered as a log would, and possible to wait for. */
import type { Fact } from '../src/model/event.ts';
import type { Emit } from '../src/tokens.ts';

export class KeptFacts {
  readonly all: Fact[] = [];
  /** Set to make every emit reject with it. */
  refuse: Error | undefined;
  readonly #waiting = new Set<() => void>();

  readonly emit: Emit = async (fact) => {
    if (this.refuse !== undefined) throw this.refuse;
    this.all.push(fact);
    for (const look of this.#waiting) look();
    return { id: `test.h${this.all.length}`, seq: this.all.length };
  };

  of(service: string): readonly Fact[] {
    return this.all.filter((fact) => fact.service === service);
  }

  /** The types said of a service, in order. */
  types(service: string): readonly string[] {
    return this.of(service).map((fact) => fact.type);
  }

  /** The first fact from index `from` on for which `wanted` holds. Rejects when it has not come after `withinMs` of real time. */
  until(wanted: (fact: Fact) => boolean, withinMs = 10_000, from = 0): Promise<Fact> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
      };
      const look = (): void => {
        const found = this.all.slice(from).find(wanted);
        if (found === undefined) return;
        end();
        resolve(found);
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`not said within ${withinMs} ms; said: ${this.all.map((fact) => fact.type).join(', ')}`));
      }, withinMs);
      this.#waiting.add(look);
      look();
    });
  }
}
