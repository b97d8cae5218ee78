/** Services as a list: how each is, since when, where it listens, and what it runs. */
import type { ServiceView } from '@lab/sdk/views/views';
import { type Cell, table } from '../terminal/table.ts';
import { age } from '../terminal/when.ts';
import { type Face, healthState, hints, shaped, short } from './words.ts';

export function servicesFace(services: readonly ServiceView[], face: Face): string {
  if (services.length === 0) return 'no services: hosts/<node>/services.yaml says what runs on a node\n';
  return `${servicesTable(services, face)}\n${hints(face, 'lab show <node>/<service>', 'lab logs <node>/<service> -f')}`;
}

export function servicesTable(services: readonly ServiceView[], face: Face): string {
  return table(
    [
      { head: 'SERVICE' },
      { head: 'HEALTH' },
      { head: 'SINCE' },
      { head: 'INSTANCE', shrinksTo: 10 },
      { head: 'PORTS', shrinksTo: 10 },
      { head: 'DIGEST' },
      { head: 'REMARKS', below: true },
    ],
    services.map((service) => [
      `${service.node}/${service.name}`,
      healthCell(service),
      age(service.since, face.nowMs),
      service.instances
        .map(({ pid, containerId, instance }) => (pid === undefined ? short(containerId ?? instance) : `pid ${pid}`))
        .join(' ') || '–',
      Object.entries(service.ports)
        .map(([name, port]) => `${name} ${port}`)
        .join(', ') || '–',
      digestText(service),
      remarks(service, face.nowMs),
    ]),
    face,
  );
}

export function healthCell({ health, was, held }: ServiceView): Cell {
  if (held !== undefined && health !== 'healthy') return shaped('stale', 'held');
  return shaped(healthState(health), health === 'stale' && was !== undefined ? `was ${was}` : health);
}

function digestText({ digest: { desired, running, approved } }: ServiceView): string {
  if (running === null) return desired === null ? '–' : `(${short(desired)})`;
  return desired === null || desired === running
    ? short(running)
    : `${short(running)} → ${short(desired)}${approved === desired ? '' : ' ?'}`;
}

function remarks(service: ServiceView, nowMs: number): string {
  const words: string[] = [];
  if (service.held !== undefined)
    words.push(`held by ${service.held.by} for ${age(service.held.since, nowMs)}: ${service.held.why}`);
  const causes = Object.values(service.sources).flatMap(({ cause, health }) =>
    cause === undefined || health === 'healthy' ? [] : [cause.replaceAll('_', ' ')],
  );
  if (service.held === undefined) words.push(...new Set(causes));
  if (!service.desired) words.push(service.managed ? 'left Git' : 'not managed');
  if (!service.monitor) words.push('not monitored');
  if (service.observed) words.push('observed only');
  return words.join('; ');
}
