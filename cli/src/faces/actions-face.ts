/** Actions as lists: what is pending, what there was, and with `--why` what each rests on. */
import type { ActionView } from '@lab/sdk/views/views';
import { table } from '../terminal/table.ts';
import { age, clockTime } from '../terminal/when.ts';
import { actionState, type Face, fromTo, hints, shaped, short } from './words.ts';

export function pendingTable(pending: readonly ActionView[], face: Face): string {
  return table(
    [{ head: 'PENDING' }, { head: 'RISK' }, { head: 'CLASS' }, { head: 'WHY', below: true }],
    pending.map((action) => [action.id, action.risk, action.class, action.why.text]),
    face,
  );
}

export function actionsFace(actions: readonly ActionView[], why: boolean, face: Face): string {
  if (actions.length === 0) return 'no actions: nothing has drifted\n';
  const body = why ? actions.map((action) => whyPart(action, face)).join('\n') : actionsTable(actions, face);
  const pending = actions.some((action) => action.state === 'pending');
  return `${body}\n${hints(face, ...(pending ? ['lab approve <id>', 'lab reject <id> --reason …'] : []), 'lab show <id>')}`;
}

function actionsTable(actions: readonly ActionView[], face: Face): string {
  return table(
    [
      { head: 'ACTION' },
      { head: 'STATE' },
      { head: 'RISK' },
      { head: 'CLASS' },
      { head: 'AGE' },
      { head: 'WHY', below: true },
    ],
    actions.map((action) => [
      action.id,
      shaped(actionState(action.state), action.state),
      action.risk,
      action.class,
      age(action.createdAt, face.nowMs),
      stateText(action, face.nowMs),
    ]),
    face,
  );
}

/** What is worth a line in the state that it is in. */
export function stateText(action: ActionView, nowMs: number): string {
  if (action.outcome !== undefined) return action.outcome.reason;
  const notBefore = action.approval?.notBefore;
  if (action.state === 'approved' && notBefore !== undefined && Date.parse(notBefore) > nowMs) {
    return `approved for ${clockTime(notBefore, nowMs)}, when its window opens`;
  }
  return action.why.text;
}

function whyPart(action: ActionView, face: Face): string {
  const { style, nowMs } = face;
  const { why, approval, outcome } = action;
  const { text, tone } = shaped(actionState(action.state), action.state);
  const change = action.from === action.to ? short(action.to) : fromTo(action);
  const facts: (readonly [string, string])[] = [
    ['why', why.text],
    ['rule', why.cause === undefined ? why.rule : `${why.rule}, ${why.cause}`],
    ['evidence', why.evidence.join(' ')],
    ['change', `${change} (${short(action.planHash)})`],
    ['proposed', `${age(action.createdAt, nowMs)} ago, ${action.id}@${action.ulid}`],
    [
      'approved',
      approval === undefined
        ? ''
        : `by ${approval.by} (${approval.via}), ${age(approval.at, nowMs)} ago${approval.note === undefined ? '' : `: ${approval.note}`}`,
    ],
    ['ended', outcome === undefined ? '' : `${outcome.reason}, ${age(outcome.at, nowMs)} ago`],
    ['diagnosis', outcome?.diagnosis ?? ''],
  ];
  const lines = facts
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `  ${style('soft', name.padEnd(9))} ${value}`);
  return `${style('strong', action.id)}  ${style(tone, text)}  ${action.class}, ${action.risk}\n${lines.join('\n')}\n`;
}
