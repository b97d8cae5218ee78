import type { EventClass } from '@lab/sdk';
import { describe, expect, it } from 'vitest';
import { InProcessLink } from './in-process.ts';
import type { HubLink, Work } from './link.ts';

/** A hub's end that answers with the same objects each time, and counts what it did. */
class Scripted implements HubLink {
  readonly given: Work = { grants: [], cancelled: [{ ulid: 'u1', by: 'anna' }] };
  readonly got: unknown[] = [];
  hints: (() => void)[] = [];
  whileWorking: () => void = () => {};

  hello: HubLink['hello'] = async (hello) => {
    this.got.push(hello);
    const acked: Record<EventClass, number> = { control: 0, health: 0, bulk: 0 };
    return { session: 's1', node: 'n1', acked, newLog: false, generation: 1, heartbeatMs: 1_000, time: '' };
  };
  events: HubLink['events'] = async (_session, batch) => {
    this.got.push(batch);
    this.whileWorking();
    return batch.from + batch.lines.length - 1;
  };
  heartbeat: HubLink['heartbeat'] = async () => ({ generation: 1, approvedHash: '', work: 0 });
  told: HubLink['told'] = async () => ({
    desired: { node: 'n1', generation: 1, heartbeatMs: 1_000, services: [] },
    approved: { node: 'n1', log: 'log1', seq: 0, approved: {} },
  });
  bundle: HubLink['bundle'] = async () => {
    throw new Error('there is none');
  };
  work: HubLink['work'] = async () => this.given;
  onHint: HubLink['onHint'] = (_session, hint) => {
    this.hints.push(hint);
    return () => {
      this.hints = this.hints.filter((each) => each !== hint);
    };
  };
}

describe('the link inside one process', () => {
  it('shares nothing by reference: what either side changes afterwards, the other does not see', async () => {
    const end = new Scripted();
    const link = new InProcessLink(end);
    const work = await link.work('s1');
    expect(work).toEqual(end.given);
    Object.assign(work.cancelled[0] ?? {}, { by: 'somebody else' });
    expect(end.given.cancelled).toEqual([{ ulid: 'u1', by: 'anna' }]);
    const lines = ['one'];
    await link.events('s1', { class: 'health', from: 1, lines });
    lines.push('two');
    expect(end.got).toEqual([{ class: 'health', from: 1, lines: ['one'] }]);
  });

  it('that is cut reaches nobody', async () => {
    const end = new Scripted();
    const link = new InProcessLink(end);
    link.cut();
    await expect(link.events('s1', { class: 'bulk', from: 1, lines: [] })).rejects.toMatchObject({
      code: 'unreachable',
    });
    expect(end.got).toEqual([]);
    link.mend();
    await expect(link.events('s1', { class: 'bulk', from: 1, lines: [] })).resolves.toBe(0);
  });

  it('that is cut while the hub works loses the answer, not the work', async () => {
    const end = new Scripted();
    const link = new InProcessLink(end);
    end.whileWorking = () => link.cut();
    await expect(link.events('s1', { class: 'control', from: 1, lines: ['a'] })).rejects.toMatchObject({
      code: 'unreachable',
    });
    expect(end.got).toHaveLength(1);
  });

  it('passes hints on until it is cut, and again when it is mended; none after they were given up', () => {
    const end = new Scripted();
    const link = new InProcessLink(end);
    let heard = 0;
    const stop = link.onHint('s1', () => heard++);
    const hint = (): void => {
      for (const each of end.hints) each();
    };
    hint();
    link.cut();
    hint();
    expect(heard).toBe(1);
    link.mend();
    hint();
    expect(heard).toBe(2);
    stop();
    hint();
    expect(heard).toBe(2);
  });

  it('hands on what the hub refuses as it is', async () => {
    await expect(new InProcessLink(new Scripted()).bundle('s1', 'd')).rejects.toThrow('there is none');
  });
});
