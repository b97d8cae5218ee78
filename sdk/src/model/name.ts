/** Names of nodes, services, sites and groups, and the key that joins a node and a service. */
import { z } from 'zod';

export const NAME_PATTERN = /^[a-z0-9][a-z0-9-]{0,62}$/;

export const nameSchema = z
  .string()
  .regex(NAME_PATTERN, 'a name is a-z, 0-9 and -, at most 63 characters, not starting with -');

export function isName(text: string): boolean {
  return NAME_PATTERN.test(text);
}

/** `node/service`: how a service on a node is written everywhere. */
export type ServiceKey = `${string}/${string}`;

export function serviceKey(node: string, service: string): ServiceKey {
  return `${node}/${service}`;
}

/** Undefined where `text` is not `node/service` in valid names. */
export function parseServiceKey(text: string): { node: string; service: string } | undefined {
  const [node = '', service = '', ...rest] = text.split('/');
  return rest.length === 0 && isName(node) && isName(service) ? { node, service } : undefined;
}
