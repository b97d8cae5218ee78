import { LabError } from '@lab/sdk';
import { describe, expect, it } from 'vitest';
import { failure, HANG, House, source } from '../../testing/plugin-house.ts';

describe('a call', () => {
  const house = async (): Promise<House> => {
    const made = new House([source('health.x')]);
    await made.host.start();
    return made;
  };

  it('passes on what the plugin answers, a LabError too, and degrades nobody', async () => {
    const { host, view } = await house().then((h) => ({ host: h.host, view: () => h.view('health.x') }));
    await expect(host.call('health.x', 'add', async () => 2)).resolves.toBe(2);
    const no = await failure(
      host.call('health.x', 'ask', async () => Promise.reject(new LabError('unreachable', 'no'))),
    );
    expect(no.code).toBe('unreachable');
    expect(view().state).toBe('running');
  });

  it('that rejects with anything else, or with internal, degrades', async () => {
    for (const cause of [new TypeError('x is undefined'), new LabError('internal', 'odd'), 'a string']) {
      const h = await house();
      const error = await failure(h.host.call('health.x', 'ask', () => Promise.reject(cause)));
      expect(error).toMatchObject({ code: 'plugin_failed', at: 'health.x' });
      expect(h.view('health.x').state).toBe('degraded');
    }
  });

  it('that misses its deadline is a timeout and degrades', async () => {
    const h = await house();
    const missed = failure(h.host.call('health.x', 'ask', () => HANG, { deadlineMs: 5_000 }));
    await h.clock.advance(4_999);
    expect(h.view('health.x').state).toBe('running');
    await h.clock.advance(1);
    expect(await missed).toMatchObject({ code: 'timeout', message: 'health.x: ask took longer than 5 s' });
    expect(h.view('health.x').reason).toBe('ask took longer than 5 s');
  });

  it('that its caller aborts is cancelled if it obeys in time, else degrades', async () => {
    for (const obeys of [true, false]) {
      const h = await house();
      const caller = new AbortController();
      const { signal } = caller;
      const run = (): Promise<never> =>
        obeys ? new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))) : HANG;
      const ended = failure(h.host.call('health.x', 'deploy', run, { signal, graceMs: 60_000 }));
      await h.clock.advance(3_600_000);
      caller.abort(new Error('enough'));
      await h.clock.advance(60_000);
      expect((await ended).code).toBe(obeys ? 'cancelled' : 'timeout');
      expect(h.view('health.x').state).toBe(obeys ? 'running' : 'degraded');
    }
  });

  it('under way when the life ends is failed at once', async () => {
    const h = await house();
    const hanging = failure(h.host.call('health.x', 'observe', () => HANG));
    await h.host.stop();
    expect(await hanging).toMatchObject({ code: 'plugin_failed', message: 'health.x ended during observe' });
  });
});
