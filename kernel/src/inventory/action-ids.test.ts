/** Two pairs of node and service never share an action id in a fleet that is accepted, and none is refused for nothing. */
import type { ProcessDefinition } from '@lab/sdk';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compile } from './compile.ts';
import { Document } from './document.ts';
import type { FleetFiles, Parsed } from './files.ts';
import type { NodeEntry } from './schema.ts';

const name = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('-'));

test('ids are unique exactly where the fleet is accepted', () => {
  let refused = 0;
  fc.assert(
    fc.property(fc.dictionary(name, fc.uniqueArray(name, { maxLength: 5 }), { minKeys: 1, maxKeys: 4 }), (pairs) => {
      const { fleet, problems } = compile(filesOf(pairs));
      const ids = Object.entries(pairs).flatMap(([node, services]) =>
        services.map((service) => `redeploy-${node}-${service}`),
      );
      expect(fleet !== undefined).toBe(new Set(ids).size === ids.length);
      if (fleet === undefined) {
        refused++;
        expect(problems.every(({ message }) => message.includes('the same action ids'))).toBe(true);
      }
    }),
    { numRuns: 300 },
  );
  expect(refused).toBeGreaterThan(0);
});

function filesOf(pairs: Readonly<Record<string, readonly string[]>>): FleetFiles {
  const plain = <T>(file: string, value: T): Parsed<T> => ({ document: Document.of(file, value), value, whole: true });
  const entries = Object.entries(pairs);
  const node: NodeEntry = { aliases: [], link: 'lan', provider: 'edge', runtime: 'process', labels: {} };
  const nodes = entries.map(([own], index) => [own, { ...node, roles: index === 0 ? ['hub' as const] : [] }] as const);
  const all = new Set(entries.flatMap(([, services]) => services));
  const process: ProcessDefinition = {
    command: ['x'],
    env: {},
    ports: {},
    stopSignal: 'SIGTERM',
    stopTimeout: 10,
    restart: 'no',
  };
  return {
    revision: 'test',
    lab: undefined,
    topology: plain('inventory/topology.yaml', { nodes: Object.fromEntries(nodes) }),
    policy: undefined,
    attachments: undefined,
    ingress: undefined,
    profiles: undefined,
    hosts: new Map(
      entries.map(([own, services]) => {
        const value = { services: Object.fromEntries(services.map((each) => [each, {}])) };
        return [own, plain(`hosts/${own}/services.yaml`, value)];
      }),
    ),
    overrides: new Map(),
    folders: new Map(
      [...all].map((each) => [
        each,
        { files: [], service: plain(`services/${each}/service.yaml`, { process }), compose: undefined, broken: false },
      ]),
    ),
  };
}
