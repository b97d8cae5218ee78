import { type Change, type Grant, planHash } from '@lab/sdk';
import { beforeEach, describe, expect, it } from 'vitest';
import { bundle, change, desired, EdgeHouse, entry } from '../testing/edge-house.ts';
import { grantCheck } from './grant-check.ts';

const OLD = bundle('web', 'old');
const NEW = bundle('web', 'new');
const OTHER = bundle('web', 'other');

describe('a grant', () => {
  let house: EdgeHouse;

  const reason = (of: Partial<Change>, generation = 1): string | undefined => {
    const what = change(of);
    const grant: Grant = {
      ulid: 'u1',
      node: 'piha',
      planHash: planHash(what),
      generation,
      expiresAt: '',
      change: what,
      timeoutMs: 1,
      verifyMs: 1,
      by: 'anna',
    };
    return grantCheck(house.told)(grant);
  };
  const told = (generation: number, wants = NEW, approved = OLD, held = false): Promise<void> =>
    house.told.accept(desired(generation, [entry(wants, { held })]), house.approvedDoc({ web: approved.digest }));
  const toNew = { from: OLD.digest, to: NEW.digest };

  beforeEach(async () => {
    house = await EdgeHouse.open();
    await told(1);
  });

  it('of a change is good while it is from what is approved to what is desired', async () => {
    expect(reason(toNew)).toBeUndefined();
    await told(9);
    expect(reason(toNew)).toBeUndefined();
  });

  it('of a change is void once another digest is desired, or it is at another one', async () => {
    await told(2, OTHER);
    expect(reason(toNew)).toContain('desired now');
    await told(3, NEW, OTHER);
    expect(reason(toNew)).toContain('approved digest now');
  });

  it('of a change is void once this node saw it done, whatever the hub still says', async () => {
    const { digest: to } = NEW;
    const data = { id: 'x', ulid: 'u0', run: 'r', instance: 'i', healthSeq: 1, class: 'change', service: 'web', to };
    await house.emit({ type: 'action_run_verified', service: 'web', data });
    expect(reason(toNew)).toContain('approved digest now');
  });

  it('of a heal is good for the approved digest, void for another, and while the service is held', async () => {
    const heal = { class: 'heal', type: 'container_restart', from: OLD.digest, to: OLD.digest } as const;
    expect(reason(heal)).toBeUndefined();
    await told(2, NEW, NEW);
    expect(reason(heal)).toContain('approved now');
    await told(3, NEW, OLD, true);
    expect(reason(heal)).toBe('web is held');
  });

  it('of a removal is void once the service is desired again', async () => {
    const remove = { class: 'remove', type: 'remove', from: OLD.digest, to: null } as const;
    expect(reason(remove)).toBe('web is desired again');
    await house.told.accept(desired(2), house.approvedDoc({ web: OLD.digest }));
    expect(reason(remove)).toBeUndefined();
  });

  it('that knows more than this node was told is not void for that', () => {
    expect(reason({ from: OLD.digest, to: OTHER.digest }, 2)).toBeUndefined();
  });

  it('of a person, or about the node as a whole, is bound to no digest', () => {
    expect(reason({ class: 'person', type: 'service_stop', from: OTHER.digest, to: null })).toBeUndefined();
    expect(reason({ class: 'cleanup', type: 'disk_cleanup', service: null })).toBeUndefined();
  });
});
