import { digestOf } from '@lab/sdk';
import { beforeEach, describe, expect, it } from 'vitest';
import { bundle, desired, EdgeHouse, entry, NODE, paths } from '../testing/edge-house.ts';

const OLD = bundle('web', 'old');
const NEW = bundle('web', 'new');

describe('what a node was told', () => {
  let house: EdgeHouse;

  const verified = (to: string | null, cls = 'change') => ({
    type: 'action_run_verified',
    service: 'web',
    data: {
      id: 'redeploy-piha-web',
      ulid: 'u1',
      run: 'r1',
      instance: 'i1',
      healthSeq: 1,
      class: cls,
      service: 'web',
      to,
    },
  });

  beforeEach(async () => {
    house = await EdgeHouse.open();
  });

  it('is nothing at first', () => {
    expect([house.told.generation, house.told.desiredHash, house.told.approved('web')]).toEqual([0, null, null]);
  });

  it('is there after a power cut', async () => {
    await house.has(3, OLD);
    const next = await EdgeHouse.open(house.disk.crash());
    expect(next.told.generation).toBe(3);
    expect(next.told.desiredHash).toBe(digestOf(desired(3, [entry(OLD)])));
    expect(next.told.approved('web')).toBe(OLD.digest);
    expect(next.told.entry('web')?.digest).toBe(OLD.digest);
  });

  it('refuses an older generation, and another content under the accepted number', async () => {
    await house.has(3, OLD);
    const none = house.approvedDoc({});
    await expect(house.told.accept(desired(2, [entry(NEW)]), none)).rejects.toMatchObject({
      code: 'refused',
      data: { accepted: 3, offered: 2 },
    });
    await expect(house.told.accept(desired(3, [entry(NEW)]), none)).rejects.toMatchObject({ code: 'refused' });
    expect(house.told.entry('web')?.digest).toBe(OLD.digest);
    expect(house.told.approved('web')).toBe(OLD.digest);
    await house.told.accept(desired(4, [entry(NEW)]), none);
    expect(house.told.entry('web')?.digest).toBe(NEW.digest);
  });

  it('takes new approvals under the same generation', async () => {
    await house.has(3, OLD);
    await house.told.accept(desired(3, [entry(OLD)]), house.approvedDoc({ web: NEW.digest }));
    expect(house.told.approved('web')).toBe(NEW.digest);
    expect(house.told.approvedHash()).toBe(digestOf({ web: NEW.digest }));
  });

  it('accepts nothing that is malformed', async () => {
    await house.has(3, OLD);
    const bad = { ...desired(4), services: [{ service: 'web' }] } as unknown as ReturnType<typeof desired>;
    await expect(house.told.accept(bad, house.approvedDoc({}))).rejects.toThrow();
    expect(house.told.generation).toBe(3);
  });

  it('counts as nothing where its file was spoilt, and is told again', async () => {
    await house.has(3, OLD);
    house.disk.damage(paths.desired, (data) => data.slice(0, 20));
    const next = await EdgeHouse.open(house.disk);
    expect(next.told.generation).toBe(0);
    expect(next.told.approved('web')).toBe(OLD.digest);
    await next.has(3, OLD);
    expect(next.told.generation).toBe(3);
  });

  it('gives way to what this node itself saw confirmed, until the hub has read that far', async () => {
    await house.has(1, OLD);
    const { seq } = await house.emit(verified(NEW.digest));
    expect(house.told.approved('web')).toBe(NEW.digest);
    const next = await EdgeHouse.open(house.disk.crash());
    expect(next.told.approved('web')).toBe(NEW.digest);
    // The hub read something before it, and knows only the old one yet.
    await next.told.accept(desired(1, [entry(OLD)]), next.approvedDoc({ web: OLD.digest }, seq - 1));
    expect(next.told.approved('web')).toBe(NEW.digest);
    await next.told.accept(desired(1, [entry(OLD)]), next.approvedDoc({ web: NEW.digest }, seq));
    expect(next.told.approved('web')).toBe(NEW.digest);
    // From there on the hub's word counts: somebody rolled it back.
    await next.told.accept(desired(1, [entry(OLD)]), next.approvedDoc({ web: OLD.digest }, seq + 1));
    expect(next.told.approved('web')).toBe(OLD.digest);
  });

  it('knows of a removal before the hub does; a heal changes nothing', async () => {
    await house.has(1, OLD);
    await house.emit(verified(NEW.digest, 'heal'));
    expect(house.told.approved('web')).toBe(OLD.digest);
    await house.emit(verified(null, 'remove'));
    expect(house.told.approved('web')).toBeNull();
  });

  it('does not count its own knowledge among what it compares with the hub', async () => {
    await house.has(1, OLD);
    await house.emit(verified(NEW.digest));
    expect(house.told.approvedHash()).toBe(digestOf({ web: OLD.digest }));
    expect(house.approvedDoc({}).node).toBe(NODE);
  });
});
