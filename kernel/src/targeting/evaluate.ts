/** The meaning of a query, for one resource, as plainly as it can be written: what the index is held against. */
import type { Query } from './ast.ts';
import type { Groups } from './groups.ts';
import type { TargetResource } from './resource.ts';

/** Throws `target_invalid` for a group that does not exist. */
export function matches(query: Query, resource: TargetResource, groups: Groups): boolean {
  switch (query.kind) {
    case 'all':
      return true;
    case 'node':
      return resource.node === query.name;
    case 'service':
      return resource.service === query.name;
    case 'group':
      return matches(groups.query(query.name), resource, groups);
    case 'equals':
      return resource.labels[query.key] === query.value;
    case 'in': {
      const value = resource.labels[query.key];
      // Not a string: absent, or something that objects inherit, such as `constructor`.
      return typeof value === 'string' && query.values.includes(value);
    }
    case 'has':
      return typeof resource.labels[query.key] === 'string';
    case 'not':
      return !matches(query.of, resource, groups);
    case 'and':
      return query.of.every((part) => matches(part, resource, groups));
    case 'or':
      return query.of.some((part) => matches(part, resource, groups));
  }
}
