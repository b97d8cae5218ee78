/**
 * The label index: which of many resources a query selects, without looking at each of them.
 *
 * INVARIANTS: `select` answers as `matches` does for each resource; resources keep the order in which they were given; nothing
 * changes after it is made (another fleet is another index). Groups are computed once, at their first use.
 */
import type { Query } from './ast.ts';
import type { Groups } from './groups.ts';
import { collect, type Postings } from './postings.ts';
import type { TargetResource } from './resource.ts';
import { Selection } from './selection.ts';
import { AllSet, AndSet, type IdSet, ListSet, NotSet, OrSet } from './sets.ts';

const NONE: IdSet = new ListSet(new Uint32Array());

export class LabelIndex {
  readonly #resources: readonly TargetResource[];
  readonly #groups: Groups;
  readonly #postings: Postings;
  readonly #all: IdSet;
  readonly #groupSets = new Map<string, IdSet>();

  constructor(resources: readonly TargetResource[], groups: Groups) {
    this.#resources = resources;
    this.#groups = groups;
    this.#all = new AllSet(resources.length);
    this.#postings = collect(resources);
  }

  get size(): number {
    return this.#resources.length;
  }

  /** Throws `target_invalid` for a group that does not exist. */
  select(query: Query): Selection {
    return new Selection(this.#set(query), this.#resources);
  }

  #set(query: Query): IdSet {
    switch (query.kind) {
      case 'all':
        return this.#all;
      case 'node':
        return this.#postings.nodes.get(query.name) ?? NONE;
      case 'service':
        return this.#postings.services.get(query.name) ?? NONE;
      case 'group':
        return this.#group(query.name);
      case 'equals':
        return this.#postings.labels.get(query.key)?.values.get(query.value) ?? NONE;
      case 'in': {
        const values = this.#postings.labels.get(query.key)?.values;
        return values ? new OrSet([...new Set(query.values)].flatMap((value) => values.get(value) ?? [])) : NONE;
      }
      case 'has':
        return this.#postings.labels.get(query.key)?.any ?? NONE;
      case 'not':
        return new NotSet(this.#set(query.of), this.size);
      case 'and':
        return new AndSet(query.of.map((part) => this.#set(part)));
      case 'or':
        return new OrSet(query.of.map((part) => this.#set(part)));
    }
  }

  #group(name: string): IdSet {
    let set = this.#groupSets.get(name);
    if (set === undefined) {
      set = this.#postings.made(this.select(this.#groups.query(name)).ids());
      this.#groupSets.set(name, set);
    }
    return set;
  }
}
