/** `lab status`: a sentence, the nodes by their four pillars, what needs a person, and what to type next. */
import type { NodeView, Pillar, ProblemView, StatusView, WaitingView } from '@lab/sdk/views/views';
import { type Cell, table } from '../terminal/table.ts';
import { age } from '../terminal/when.ts';
import { displayWidth } from '../terminal/width.ts';
import { pendingTable } from './actions-face.ts';
import { count, type Face, hints, revisionAge, revisionText, shaped, waitsText } from './words.ts';

export function statusFace(status: StatusView, face: Face): string {
  const parts = [`${sentence(status, face)}\n`];
  if (!status.settled && status.settling.length > 0)
    parts.push(face.style('wait', `settling: ${status.settling.join(' · ')}`), '\n');
  parts.push(problemsPart(status, face));
  if (status.nodes.length > 0) parts.push('\n', nodesTable(status.nodes, face));
  if (status.pending.length > 0) parts.push('\n', pendingTable(status.pending, face));
  if (status.waiting.length > 0) parts.push('\n', waitingTable(status.waiting, face));
  parts.push('\n', hints(face, ...nextCommands(status)));
  return parts.join('');
}

function sentence(status: StatusView, face: Face): string {
  if (status.nodes.length === 0) {
    const empty = [
      { text: 'the fleet is empty', tone: 'strong' as const },
      { text: 'write a node in inventory/topology.yaml' },
      { text: revisionAge(status, face.nowMs) },
    ];
    return joined(empty, face);
  }
  const monitored = status.services.filter(
    (service) => service.monitor && service.desired && !service.observed && service.held === undefined,
  );
  const held = status.services.filter((service) => service.held !== undefined).length;
  const healthy = monitored.filter((service) => service.health === 'healthy').length;
  const silent = status.nodes.filter((node) => node.state === 'silent').length;
  const { approved = 0, running = 0 } = status.actions;
  const parts: Cell[] = [
    lead(status, healthy === monitored.length && silent === 0),
    {
      text:
        monitored.length === 0
          ? 'no services yet'
          : `${healthy} of ${count(monitored.length, 'service')} healthy${held > 0 ? `, ${held} held` : ''}`,
    },
    { text: count(status.nodes.length, 'node') + (silent > 0 ? `, ${silent} silent` : '') },
    { text: revisionAge(status, face.nowMs) },
  ];
  if (running > 0) parts.splice(1, 0, { text: `${running} running` });
  if (approved > 0) parts.splice(1, 0, { text: `${approved} approved` });
  return joined(parts, face);
}

/** Parts between dots; on a narrow terminal the line breaks before a part, not in it. */
function joined(parts: readonly Cell[], { style, columns = Number.POSITIVE_INFINITY }: Face): string {
  let text = '';
  let used = 0;
  for (const part of parts) {
    const width = displayWidth(part.text);
    const breaks = used > 0 && used + 3 + width > columns;
    text += (used === 0 ? '' : breaks ? '\n' : ' · ') + style(part.tone, part.text);
    used = breaks ? width : used + (used === 0 ? 0 : 3) + width;
  }
  return text;
}

function lead(status: StatusView, well: boolean): Cell {
  const needed = status.pending.length;
  if (needed > 0) return { text: `${count(needed, 'thing')} ${needed === 1 ? 'needs' : 'need'} you`, tone: 'wait' };
  if (status.problems.some((problem) => problem.severity === 'error'))
    return { text: 'an edit is broken', tone: 'bad' };
  // A node whose plugin is not installed disturbs nothing.
  const waits = status.waiting.some((one) => one.why.waitsFor !== 'provider');
  return well && !waits && status.settled ? { text: 'all is well', tone: 'ok' } : { text: 'nothing waits for you' };
}

function nextCommands(status: StatusView): string[] {
  if (status.nodes.length === 0) return ['lab new DIR', 'lab validate'];
  if (status.problems.some((problem) => problem.severity === 'error')) return ['lab validate', 'lab show <node>'];
  return status.pending.length > 0
    ? ['lab approve <id>', 'lab show <node>', 'lab actions --why']
    : ['lab services', 'lab show <node>', 'lab events'];
}

const MOST_PROBLEMS = 5;

function problemsPart(status: StatusView, face: Face): string {
  const { style } = face;
  if (status.problems.length === 0) return '';
  const errors = status.problems.filter((problem) => problem.severity === 'error').length;
  const head =
    errors > 0
      ? style(
          'bad',
          `${count(errors, 'problem')} in the last edit; the running fleet stays at ${revisionText(status.revision)}`,
        )
      : style('wait', count(status.problems.length, 'warning'));
  const shown = status.problems.slice(0, MOST_PROBLEMS).map((problem) => `  ${problemLine(problem)}`);
  const more = status.problems.length - shown.length;
  return `\n${[head, ...shown, ...(more > 0 ? [`  and ${more} more: lab validate`] : [])].join('\n')}\n`;
}

export function problemLine({ at, message, severity }: ProblemView): string {
  return `${at}  ${severity === 'warning' ? 'warning: ' : ''}${message}`;
}

/** Columns in which a whole row of pillars has room. */
const ROOMY = 96;

export function nodesTable(nodes: readonly NodeView[], face: Face): string {
  // What nobody reported leaves its room to what somebody did.
  const narrow = face.columns !== undefined && face.columns < ROOMY;
  const said = (state: Pillar['state'], text: string): Cell =>
    narrow && state === 'unknown'
      ? { ...shaped(state, ''), text: shaped(state, '').text.trimEnd() }
      : shaped(state, text);
  return table(
    [
      { head: 'NODE' },
      { head: '' },
      { head: 'SYNC', shrinksTo: 8 },
      { head: 'CONFIG', shrinksTo: 8 },
      { head: 'HEALTH', shrinksTo: 13 },
      { head: 'IDENTITY', shrinksTo: 8 },
      { head: 'LAST WORD', shrinksTo: 9 },
    ],
    nodes.map((node) => {
      const word = age(node.lastWordAt, face.nowMs);
      // In place of a stale text its age; health keeps its text, which says what was known.
      const dated = ({ state, text }: Pillar): Cell => said(state, state === 'stale' ? word : text);
      return [
        node.name,
        { text: remark(node), tone: 'soft' as const },
        dated(node.sync),
        dated(node.config),
        shaped(node.health.state, node.health.text),
        said(node.identity.state, node.identity.text),
        node.state === 'no_provider' ? { text: `no plugin for ${node.provider}`, tone: 'stale' as const } : word,
      ];
    }),
    face,
  );
}

function remark(node: NodeView): string {
  const words = [
    ...(node.roles.includes('hub') ? ['hub'] : []),
    ...(node.maintenance === undefined ? [] : ['maintenance']),
  ];
  return words.join(', ');
}

function waitingTable(waiting: readonly WaitingView[], face: Face): string {
  return table(
    [{ head: 'WAITING' }, { head: 'WHY', below: true }, { head: 'FOR', shrinksTo: 12 }],
    waiting.map(({ node, service, why }) => [
      service === null ? node : `${node}/${service}`,
      why.text,
      waitsText(why, face.nowMs),
    ]),
    face,
  );
}
