/**
 * What a query can select: a node, or a service on a node.
 *
 * Whoever makes one (the inventory) has merged the labels already: a node's are its site's, its own and what is inherent in it
 * (site, arch, link, provider, runtime); a service's are its node's with its own over them.
 */
export interface TargetResource {
  readonly kind: 'node' | 'service';
  readonly node: string;
  /** Null for a node. */
  readonly service: string | null;
  readonly labels: Readonly<Record<string, string>>;
}
