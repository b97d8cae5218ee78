/** `lab show`: everything about one node, service or action, and through which line of Git each thing came. */
import type { EventView, ShowView } from '@lab/sdk/views/views';
import { table } from '../terminal/table.ts';
import { age } from '../terminal/when.ts';
import { actionsFace } from './actions-face.ts';
import { eventsTable } from './events-face.ts';
import { filesPart } from './plan-face.ts';
import { servicesTable } from './services-face.ts';
import { nodesTable } from './status-face.ts';
import { type Face, hints, short } from './words.ts';

export function showFace(show: ShowView, face: Face): string {
  const parts = [...nodePart(show, face), ...servicePart(show, face), ...actionPart(show, face)];
  if (show.through.length > 0) parts.push(throughTable(show.through, face));
  if (show.events.length > 0) parts.push(eventsPart(show.events, face));
  return parts.join('\n');
}

function nodePart({ node, services }: ShowView, face: Face): string[] {
  if (node === undefined) return [];
  const facts: [string, string][] = [
    ['site', node.site ?? '–'],
    ['address', node.address ?? '–'],
    ['machine', [node.arch, node.link, node.runtime, node.provider].filter(Boolean).join(', ')],
    [
      'labels',
      Object.entries(node.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(' ') || '–',
    ],
    ['generation', String(node.generation)],
  ];
  if (node.maintenance !== undefined)
    facts.push(['maintenance', `${node.maintenance.reason}, by ${node.maintenance.by}`]);
  return [
    nodesTable([node], face),
    factLines(facts, face),
    ...(services !== undefined && services.length > 0 ? [servicesTable(services, face)] : []),
  ];
}

function servicePart({ service }: ShowView, face: Face): string[] {
  if (service === undefined) return [];
  const { desired, approved, running } = service.digest;
  const facts: [string, string][] = [
    ['digest', `desired ${short(desired)}, approved ${short(approved)}, running ${short(running)}`],
    ['exposure', service.exposure ?? '–'],
    ...Object.entries(service.sources).map(([source, said]): [string, string] => [
      source,
      [said.health, said.cause, said.detail, `${age(said.since, face.nowMs)} ago`, said.evidence.join(' ')]
        .filter(Boolean)
        .join(', '),
    ]),
  ];
  return [servicesTable([service], face), factLines(facts, face)];
}

function actionPart({ action, files = [] }: ShowView, face: Face): string[] {
  if (action === undefined) return [];
  const changes = filesPart(files, face, { mostLines: Number.POSITIVE_INFINITY });
  const next =
    action.state === 'pending' ? [`lab approve ${action.id}`, `lab reject ${action.id} --reason …`] : ['lab actions'];
  const [page = ''] = actionsFace([action], true, face).split('\n\n');
  return [`${page}\n`, ...(changes === '' ? [] : [changes]), hints(face, ...next)];
}

function throughTable(through: ShowView['through'], face: Face): string {
  return table(
    [
      { head: 'APPLIED', shrinksTo: 14 },
      { head: 'VALUE', shrinksTo: 14 },
      { head: 'THROUGH', shrinksTo: 14 },
      { head: 'AT' },
    ],
    through.map(({ what, value, by, at }) => [what, value, by, at]),
    face,
  );
}

function eventsPart(events: readonly EventView[], face: Face): string {
  return eventsTable(events, face);
}

function factLines(facts: readonly (readonly [string, string])[], { style }: Face): string {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `  ${style('soft', name.padEnd(width))}  ${value}\n`).join('');
}
