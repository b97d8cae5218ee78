import { planHash, type StatedAction } from '@lab/sdk';
import { describe, expect, it } from 'vitest';
import { checkApproval, makeApproval } from './approve.ts';

const NOW = Date.UTC(2026, 0, 1, 12);

function action(to: string, more: Partial<StatedAction> = {}): StatedAction {
  const change = {
    id: 'redeploy-piha-web',
    type: 'redeploy',
    resource: 'service',
    node: 'piha',
    service: 'web',
    class: 'change' as const,
    from: `41d0a77${'0'.repeat(57)}`,
    to: to.padEnd(64, '0'),
    parameters: {},
    risk: 'guarded' as const,
    why: { rule: 'outdated_service', text: 'Git moved on', evidence: [] },
  };
  return {
    ...change,
    ulid: '01K00000000000000000000002',
    planHash: planHash(change),
    createdAt: new Date(NOW - 4_000).toISOString(),
    state: 'pending',
    ...more,
  };
}

const refusal = (run: () => void): unknown => {
  try {
    run();
  } catch (cause) {
    return cause;
  }
  throw new Error('it was not refused');
};

describe('an approval', () => {
  const now = { now: NOW };
  const pending = action('c03d7f0');
  const other = action('9f31c2e', { ulid: '01K00000000000000000000001', state: 'cancelled' });

  it('is taken with the whole hash, seven characters of it, or on purpose without', () => {
    checkApproval(pending, { hash: pending.planHash }, undefined, now);
    checkApproval(pending, { hash: pending.planHash.slice(0, 7), ulid: pending.ulid }, pending, now);
    checkApproval(pending, { yes: true }, pending, now);
  });

  it('is refused where it says nothing of what was seen', () => {
    expect(refusal(() => checkApproval(pending, {}, pending, now))).toMatchObject({ code: 'usage' });
    expect(refusal(() => checkApproval(pending, { ulid: pending.ulid }, pending, now))).toMatchObject({
      code: 'usage',
    });
    for (const hash of [pending.planHash.slice(0, 6), '', 'zzzzzzz', '.*']) {
      expect(refusal(() => checkApproval(pending, { hash }, pending, now))).toMatchObject({ code: 'usage' });
    }
  });

  it('is stale where the change is another one by now, and says both', () => {
    const seen = other.planHash.slice(0, 7);
    const said = refusal(() =>
      checkApproval(pending, { hash: seen }, pending, { now: NOW, earlier: [pending, other] }),
    );
    expect(said).toMatchObject({
      code: 'stale',
      message: `this approval is stale\n  you saw 41d0a77 → 9f31c2e (${seen}); since 4 s ago the change is 41d0a77 → c03d7f0 (${pending.planHash.slice(0, 7)})`,
      hint: 'see it: lab show redeploy-piha-web',
    });
  });

  it('is stale where the planner wants another change already', () => {
    const wanted = action('eeeeeee');
    expect(refusal(() => checkApproval(pending, { hash: pending.planHash }, wanted, now))).toMatchObject({
      code: 'stale',
    });
    expect(refusal(() => checkApproval(pending, { yes: true }, wanted, now))).toMatchObject({ code: 'stale' });
  });

  it('of the first incident never serves the second, though the change is the same', () => {
    const first = action('c03d7f0', { ulid: other.ulid, state: 'completed' });
    const said = refusal(() =>
      checkApproval(pending, { hash: pending.planHash, ulid: first.ulid }, pending, { now: NOW, earlier: [first] }),
    );
    expect(said).toMatchObject({ code: 'stale', message: expect.stringContaining('for another incident') });
  });

  it('comes second with the name of the first and when', () => {
    const approval = {
      by: 'eva@phone',
      via: 'api',
      at: '2026-01-01T11:00:00.000Z',
      expiresAt: '2026-01-02T11:00:00.000Z',
    };
    const said = refusal(() =>
      checkApproval(action('c03d7f0', { state: 'approved', approval }), { yes: true }, undefined, now),
    );
    expect(said).toMatchObject({
      code: 'conflict',
      message: 'redeploy-piha-web is already approved: it is approved, by eva@phone at 2026-01-01T11:00:00.000Z',
    });
    for (const state of ['running', 'completed', 'failed', 'rejected', 'cancelled'] as const) {
      expect(refusal(() => checkApproval(action('c03d7f0', { state }), { yes: true }, undefined, now))).toMatchObject({
        code: 'conflict',
      });
    }
  });

  it('expires counted from the opening of its window', () => {
    const settings = { approvalExpiresMs: 3_600_000 };
    expect(makeApproval({ by: 'a', via: 'api', note: 'go' }, NOW, undefined, settings)).toEqual({
      by: 'a',
      via: 'api',
      at: '2026-01-01T12:00:00.000Z',
      note: 'go',
      expiresAt: '2026-01-01T13:00:00.000Z',
    });
    expect(makeApproval({ by: 'a', via: 'api' }, NOW, NOW + 7_200_000, settings)).toMatchObject({
      notBefore: '2026-01-01T14:00:00.000Z',
      expiresAt: '2026-01-01T15:00:00.000Z',
    });
    expect(makeApproval({ by: 'a', via: 'api' }, NOW, NOW - 1, settings)).not.toHaveProperty('notBefore');
  });
});
