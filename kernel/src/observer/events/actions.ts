/** Events of actions: what the hub moved, and what a node's runs report. Each row has one writer: the hub, or the node. */
import {
  type ActionRow,
  type Approval,
  type ApprovedRow,
  approvalSchema,
  type Change,
  changeSchema,
  type EventType,
  type JournalEvent,
  type RunRow,
  serviceKey,
  type VerifiedRow,
} from '@lab/sdk';
import { z } from 'zod';

const TIMES_KEPT = 16;
const LINES_KEPT = 200;

const about = { node: z.string(), id: z.string(), ulid: z.string() };

/** ('bulk', 'output', action id): the last lines that a run printed. */
export interface OutputRow {
  readonly node: string;
  readonly service: string | null;
  readonly ulid: string;
  readonly lines: readonly string[];
}

function keep(times: readonly string[], at: string): readonly string[] {
  return [...times, at].slice(-TIMES_KEPT);
}

/** A person's word against this change, which a policy does not overrule. */
function cancelledBy(row: ActionRow, by: string): Partial<ActionRow> {
  return { cancelledBy: by, cancelledHash: row.planHash };
}

/** A heal and a change may share an id: what was rejected or has failed is still known while the other has its turn. */
function remembered(before: ActionRow | undefined): Pick<ActionRow, 'failures'> & Partial<ActionRow> {
  if (before === undefined) return { failures: 0 };
  const { failures, failedAt, failedHash = before.planHash, rejectedUntil, rejectedHash = before.planHash } = before;
  const { cancelledBy, cancelledHash } = before;
  return {
    failures,
    ...(cancelledBy === undefined || cancelledHash === undefined ? {} : { cancelledBy, cancelledHash }),
    ...(failedAt === undefined ? {} : { failedAt, failedHash }),
    ...(rejectedUntil === undefined ? {} : { rejectedUntil, rejectedHash }),
  };
}

const proposed: EventType = {
  type: 'action_proposed',
  class: 'control',
  origin: 'hub',
  severity: 'info',
  data: z.strictObject({ ...about, change: changeSchema, planHash: z.string() }),
  fold: (rows, event) => {
    const table = rows.of<ActionRow>('action');
    const { id, ulid, change, planHash } = event.data as { id: string; ulid: string; change: Change; planHash: string };
    const before = table.get(id);
    table.set(id, {
      id,
      ulid,
      change,
      planHash,
      state: 'pending',
      createdAt: event.at,
      ...remembered(before),
      proposedAt: keep(before?.proposedAt ?? [], event.at),
      autoAt: before?.autoAt ?? [],
      event: event.id,
    });
  },
};

/** A move of the proposal that the row is about; one of an older proposal is history and changes nothing. */
function moved(
  type: string,
  severity: EventType['severity'],
  fields: z.ZodRawShape,
  apply: (row: ActionRow, event: JournalEvent) => ActionRow,
): EventType {
  return {
    type,
    class: 'control',
    origin: 'hub',
    severity,
    data: z.strictObject({ ...about, ...fields }),
    fold: (rows, event) => {
      const table = rows.of<ActionRow>('action');
      const id = event.data.id as string;
      const row = table.get(id);
      if (row === undefined || row.ulid !== event.data.ulid) return;
      table.set(id, { ...apply(row, event), event: event.id });
    },
  };
}

const completed: EventType = {
  ...moved('action_completed', 'info', {}, ({ cancelledBy: _by, cancelledHash: _hash, ...row }, event) => ({
    ...row,
    state: 'completed',
    endedAt: event.at,
    failures: (row.failedHash ?? row.planHash) === row.planHash ? 0 : row.failures,
  })),
};
const rememberCompleted = completed.fold;

/** Only a completed change moves the approved digest; a removal ends it. */
const completedAndApproved: EventType = {
  ...completed,
  fold: (rows, event, node) => {
    rememberCompleted?.(rows, event, node);
    const row = rows.of<ActionRow>('action').get(event.data.id as string);
    if (row === undefined || row.ulid !== event.data.ulid || row.change.service === null) return;
    const approved = rows.of<ApprovedRow>('approved');
    const key = serviceKey(node, row.change.service);
    if (row.change.class === 'change' && row.change.to !== null)
      approved.set(key, { digest: row.change.to, ulid: row.ulid, at: event.at });
    if (row.change.class === 'remove') approved.delete(key);
  },
};

function run(type: string, state: RunRow['state'], severity: EventType['severity'], fields: z.ZodRawShape): EventType {
  return {
    type,
    class: 'control',
    origin: 'node',
    severity,
    data: z.strictObject({ id: z.string(), ulid: z.string(), run: z.string().nullable().optional(), ...fields }),
    fold: (rows, event, node) => {
      const table = rows.of<RunRow>('run');
      const data = event.data as {
        id: string;
        ulid: string;
        run?: string;
        instance?: string | null;
        healthSeq?: number;
        reason?: string;
        diagnosis?: string;
      };
      const before = table.get(data.id);
      const same = before !== undefined && before.ulid === data.ulid ? before : undefined;
      table.set(data.id, {
        ulid: data.ulid,
        run: data.run ?? same?.run ?? '',
        node,
        service: event.service ?? null,
        state,
        instance: data.instance ?? same?.instance ?? null,
        ...(data.healthSeq === undefined ? {} : { healthSeq: data.healthSeq }),
        ...(data.reason === undefined ? {} : { reason: data.reason }),
        ...(data.diagnosis === undefined ? {} : { diagnosis: data.diagnosis }),
        log: event.log,
        at: event.at,
      });
    },
  };
}

const verified: EventType = run('action_run_verified', 'verified', 'info', {
  instance: z.string().nullable(),
  healthSeq: z.int(),
  class: z.string(),
  service: z.string().nullable(),
  to: z.string().nullable(),
});
const rememberVerified = verified.fold;

const verifiedChange: EventType = {
  ...verified,
  fold: (rows, event, node) => {
    rememberVerified?.(rows, event, node);
    const { class: cls, service, to } = event.data as { class: string; service: string | null; to: string | null };
    if (service === null || (cls !== 'change' && cls !== 'remove')) return;
    rows
      .of<VerifiedRow>('verified')
      .set(serviceKey(node, service), { digest: cls === 'remove' ? null : to, log: event.log, seq: event.seq });
  },
};

const output: EventType = {
  type: 'action_output',
  class: 'bulk',
  origin: 'node',
  severity: 'info',
  data: z.strictObject({ id: z.string(), ulid: z.string(), run: z.string(), lines: z.array(z.string()).max(1_000) }),
  fold: (rows, event, node) => {
    const table = rows.of<OutputRow>('output');
    const { id, ulid, lines } = event.data as { id: string; ulid: string; lines: string[] };
    const before = table.get(id);
    const service = event.service ?? null;
    table.set(id, {
      node,
      service,
      ulid,
      lines: [...(before?.ulid === ulid ? before.lines : []), ...lines].slice(-LINES_KEPT),
    });
  },
};

const resolved: EventType = {
  type: 'drift_resolved',
  class: 'control',
  origin: 'hub',
  severity: 'info',
  data: z.strictObject({ node: z.string(), ids: z.array(z.string()) }),
  fold: (rows, event) => {
    const table = rows.of<ActionRow>('action');
    for (const id of event.data.ids as string[]) {
      const row = table.get(id);
      if (row === undefined) continue;
      const { rejectedUntil: _until, rejectedHash: _rejected, failedAt: _at, failedHash: _failed, ...more } = row;
      const { cancelledBy: _by, cancelledHash: _cancelled, ...rest } = more;
      table.set(id, { ...rest, failures: 0 });
    }
  },
};

export const ACTION_EVENTS: readonly EventType[] = [
  proposed,
  moved('action_approved', 'info', { approval: approvalSchema }, (row, event) => {
    const approval = event.data.approval as Approval;
    const auto = approval.via === 'policy' && row.change.class === 'heal';
    return { ...row, state: 'approved', approval, autoAt: auto ? keep(row.autoAt, event.at) : row.autoAt };
  }),
  moved('action_rejected', 'info', { by: z.string(), reason: z.string(), until: z.string() }, (row, event) => ({
    ...row,
    state: 'rejected',
    endedAt: event.at,
    reason: event.data.reason as string,
    rejectedUntil: event.data.until as string,
    rejectedHash: row.planHash,
  })),
  moved('action_cancelled', 'info', { by: z.string().optional(), reason: z.string() }, (row, event) => {
    const { by, reason } = event.data as { by?: string; reason: string };
    const superseded = reason === 'superseded';
    return {
      ...row,
      state: 'cancelled',
      endedAt: event.at,
      reason,
      ...(by === undefined || superseded ? {} : cancelledBy(row, by)),
      // Another change took its place: that is no fault that came back.
      proposedAt: superseded ? row.proposedAt.slice(0, -1) : row.proposedAt,
    };
  }),
  moved('action_cancelling', 'info', { by: z.string() }, (row, event) => ({
    ...row,
    cancelling: event.data.by as string,
  })),
  moved('action_started', 'info', { run: z.string() }, (row, event) => ({
    ...row,
    state: 'running',
    run: event.data.run as string,
  })),
  completedAndApproved,
  moved('action_failed', 'error', { reason: z.string(), diagnosis: z.string().optional() }, (row, event) => ({
    ...row,
    state: 'failed',
    endedAt: event.at,
    reason: event.data.reason as string,
    failures: (row.failedHash ?? row.planHash) === row.planHash ? row.failures + 1 : 1,
    failedAt: event.at,
    failedHash: row.planHash,
    ...(row.cancelling !== undefined && event.data.reason === 'cancelled' ? cancelledBy(row, row.cancelling) : {}),
  })),
  resolved,
  run('action_run_started', 'started', 'info', { pre: z.string().nullable() }),
  run('action_run_executed', 'executed', 'info', { instance: z.string().nullable() }),
  verifiedChange,
  run('action_run_failed', 'failed', 'error', {
    reason: z.string(),
    diagnosis: z.string().optional(),
    by: z.string().optional(),
  }),
  run('action_grant_voided', 'voided', 'warning', { reason: z.string() }),
  output,
];
