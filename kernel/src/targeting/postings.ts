/**
 * Who has what: for each label, each of its values, each node and each service the set of resources that have it.
 * A set with few members is a slice of one shared list, one with many is a bit for each resource.
 */
import type { TargetResource } from './resource.ts';
import { BitSet, type IdSet, ListSet } from './sets.ts';

/** A set is kept as bits from this share of all resources on: there a list would cost half as much and answer later. */
const DENSE = 64;

export interface LabelPostings {
  /** Whoever has the label, whatever its value. */
  readonly any: IdSet;
  readonly values: ReadonlyMap<string, IdSet>;
}

export interface Postings {
  readonly labels: ReadonlyMap<string, LabelPostings>;
  /** A node and all its services. */
  readonly nodes: ReadonlyMap<string, IdSet>;
  readonly services: ReadonlyMap<string, IdSet>;
  /** A set in the form that suits its size. */
  made(ids: ArrayLike<number>): IdSet;
}

/** A set while its members are counted (first pass) and then written (second pass). */
interface Draft {
  count: number;
  start: number;
}

class Drafts {
  readonly of = new Map<string, Draft>();

  draft(name: string): Draft {
    let draft = this.of.get(name);
    if (draft === undefined) {
      draft = { count: 0, start: 0 };
      this.of.set(name, draft);
    }
    return draft;
  }
}

interface LabelDraft {
  readonly any: Draft;
  readonly values: Drafts;
}

export function collect(resources: readonly TargetResource[]): Postings {
  const nodes = new Drafts();
  const services = new Drafts();
  const labels = new Map<string, LabelDraft>();
  // Every (resource, set) pair in the order of resources; `ends` says where each resource's pairs end.
  const pairs: Draft[] = [];
  const ends: number[] = [];
  const add = (draft: Draft): void => {
    draft.count++;
    pairs.push(draft);
  };
  for (const resource of resources) {
    add(nodes.draft(resource.node));
    if (resource.service !== null) add(services.draft(resource.service));
    for (const key of Object.keys(resource.labels)) {
      const value = resource.labels[key];
      if (value === undefined) continue;
      let label = labels.get(key);
      if (label === undefined) {
        label = { any: { count: 0, start: 0 }, values: new Drafts() };
        labels.set(key, label);
      }
      add(label.any);
      add(label.values.draft(value));
    }
    ends.push(pairs.length);
  }

  const ids = new Uint32Array(pairs.length);
  let free = 0;
  let at = 0;
  const placed = new Set<Draft>();
  for (const [id, end] of ends.entries()) {
    for (; at < end; at++) {
      const draft = pairs[at];
      if (draft === undefined) continue;
      if (!placed.has(draft)) {
        placed.add(draft);
        draft.start = free;
        free += draft.count;
        draft.count = 0;
      }
      ids[draft.start + draft.count++] = id;
    }
  }

  const size = resources.length;
  const finished = ({ start, count }: Draft): IdSet => setOf(ids.subarray(start, start + count), size);
  const all = (drafts: Drafts): ReadonlyMap<string, IdSet> =>
    new Map([...drafts.of].map(([name, draft]) => [name, finished(draft)]));
  return {
    labels: new Map([...labels].map(([key, { any, values }]) => [key, { any: finished(any), values: all(values) }])),
    nodes: all(nodes),
    services: all(services),
    made: (members) => setOf(Uint32Array.from(members), size),
  };
}

function setOf(ids: Uint32Array, size: number): IdSet {
  if (ids.length * DENSE < size) return new ListSet(ids);
  const words = new Uint32Array(Math.ceil(size / 32));
  for (const id of ids) words[id >>> 5] = (words[id >>> 5] ?? 0) | (1 << (id & 31));
  return new BitSet(words, ids.length);
}
