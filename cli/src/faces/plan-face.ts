/** `lab plan`: what would change, node by node, with the exact lines; then what waits, and for what. */
import type { FileChange } from '@lab/sdk/model/action';
import type { ActionView, NodeView, PlanView, WaitingView } from '@lab/sdk/views/views';
import type { Tone } from '../terminal/style.ts';
import { age } from '../terminal/when.ts';
import { padEnd } from '../terminal/width.ts';
import { problemLine } from './status-face.ts';
import { count, type Face, fromTo, revisionText, whenText } from './words.ts';

const MOST_LINES = 24;

export function planFace(plan: PlanView, nodes: readonly NodeView[], face: Face): string {
  const { style } = face;
  const parts = [
    `revision ${revisionText(plan.revision)} against the world ${age(plan.at, face.nowMs)} ago${silentText(nodes, face.nowMs)}\n`,
  ];
  if (plan.problems.length > 0)
    parts.push('\n', ...plan.problems.map((problem) => `${style('bad', problemLine(problem))}\n`));
  const names = [...new Set([...plan.items.map((item) => item.action.node), ...plan.waiting.map((one) => one.node)])];
  if (names.length === 0) return `${parts.join('')}\nnothing to do: what runs is what Git says\n`;
  parts.push('\n');
  const width = Math.max(0, ...plan.items.map(({ action }) => verbText(action).length));
  for (const name of names) {
    parts.push(`  ${style('strong', name)}\n`);
    for (const { action, files } of plan.items.filter((item) => item.action.node === name)) {
      parts.push(actionLine(action, width, face), filesPart(files, face, { mostLines: MOST_LINES, id: action.id }));
    }
    for (const waiting of plan.waiting.filter((one) => one.node === name)) parts.push(waitingLine(waiting, face));
  }
  return `${parts.join('')}\n${summaryLine(plan, face)}`;
}

function silentText(nodes: readonly NodeView[], nowMs: number): string {
  const silent = nodes
    .filter((node) => node.state === 'silent')
    .map((node) => `${node.name}: ${age(node.lastWordAt, nowMs)} ago`);
  return silent.length === 0 ? '' : ` (${silent.join(', ')})`;
}

/** `+` for what was never there, `-` for what goes, `~` for what becomes another. */
function mark(action: ActionView): { sign: string; tone: Tone } {
  if (action.class === 'remove') return { sign: '-', tone: 'bad' };
  return action.from === null && action.to !== null ? { sign: '+', tone: 'ok' } : { sign: '~', tone: 'wait' };
}

function verbText(action: ActionView): string {
  const verb = action.type.replace(/^container_/, '').replaceAll('_', ' ');
  return action.service === null ? verb : `${verb} ${action.service}`;
}

function actionLine(action: ActionView, width: number, { style, nowMs }: Face): string {
  const { sign, tone } = mark(action);
  const what = action.from === action.to ? action.why.text : fromTo(action);
  const waits = action.from === action.to ? '' : whenText(action.why, nowMs);
  const said = action.state === 'pending' ? waits : action.state;
  return `  ${style(tone, sign)} ${padEnd(verbText(action), width)}   ${what}${said === '' ? '' : `  ${style('soft', said)}`}\n`;
}

function waitingLine({ service, why }: WaitingView, { style }: Face): string {
  return `  ${style('stale', '·')} ${service === null ? '' : `${service} `}waits: ${why.text}\n`;
}

/** The files of a change with their changed lines, each indented. Empty where there are none. */
export function filesPart(
  files: readonly FileChange[],
  { style }: Face,
  { mostLines, id }: { readonly mostLines: number; readonly id?: string },
): string {
  const lines: string[] = [];
  for (const { path, kind, diff } of files) {
    lines.push(`${path}${kind === 'add' ? ' (new)' : kind === 'remove' ? ' (removed)' : ''}`);
    const changed = changedLines(diff ?? '');
    const shown = changed.length > mostLines ? changed.slice(0, mostLines - 1) : changed;
    lines.push(...shown.map((line) => style(line.startsWith('-') ? 'bad' : 'ok', line)));
    if (shown.length < changed.length) {
      lines.push(
        style(
          'soft',
          `… ${count(changed.length - shown.length, 'more line')}${id === undefined ? '' : `: lab show ${id}`}`,
        ),
      );
    }
  }
  return lines.map((line) => `      ${line}\n`).join('');
}

/** Lines that go and come; the heads of a unified diff stand before its first hunk. */
function changedLines(diff: string): string[] {
  const lines = diff.split('\n');
  const first = lines.findIndex((line) => line.startsWith('@@'));
  return lines
    .slice(first + 1)
    .filter((line) => line.startsWith('-') || line.startsWith('+'))
    .map((line) => line.replaceAll('\t', '  '));
}

function summaryLine({ summary, items }: PlanView, { style }: Face): string {
  const { change, add, remove, heal, waits } = summary;
  const numbers = [`${change} to change`, `${add} to add`, `${remove} to remove`];
  if (heal > 0) numbers.push(`${heal} to heal`);
  const text = `${numbers.join(', ')}, ${waits} ${waits === 1 ? 'waits' : 'wait'}.`;
  const pending = items.some((item) => item.action.state === 'pending');
  return pending ? `${text}    ${style('soft', 'lab apply approves what you see here')}\n` : `${text}\n`;
}
