import { FakeClock, settle } from '@lab/sdk/testing';
import { describe, expect, it } from 'vitest';
import { FakeControlPlane } from '../testing/fake-control-plane.ts';
import { eventView } from '../testing/fixtures.ts';
import { createApp } from './app.ts';
import { HEARTBEAT_MS } from './event-stream.ts';

const TOKEN = 'a-token-of-more-than-sixteen';

function setup() {
  const plane = new FakeControlPlane();
  const clock = new FakeClock();
  const closing = new AbortController();
  const app = createApp({ plane, token: TOKEN, version: '0', clock, closing: closing.signal });
  const open = async (path: string, headers: Record<string, string> = {}, signal?: AbortSignal) => {
    const init = {
      headers: { authorization: `Bearer ${TOKEN}`, ...headers },
      ...(signal === undefined ? {} : { signal }),
    };
    const response = await app.request(path, init);
    if (response.body === null) throw new Error('no body');
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    /** What has come by now. */
    const until = async (part: string): Promise<string> => {
      let text = '';
      while (!text.includes(part)) {
        const { value, done } = await reader.read();
        if (done) break;
        text += value;
      }
      return text;
    };
    return { response, reader, until };
  };
  return { plane, clock, closing, open };
}

describe('the stream of events', () => {
  it('starts at now, and gives what comes', async () => {
    const { plane, open } = setup();
    const stream = await open('/v1/events/stream');
    await settle();
    plane.push(eventView(3));
    const text = await stream.until('id: 3');
    expect(text).not.toContain('id: 2');
    expect(text).toContain(JSON.stringify(eventView(3)));
    await stream.reader.cancel();
  });

  it('resumes after Last-Event-ID, before what the query says', async () => {
    const { open } = setup();
    const stream = await open('/v1/events/stream?after=0', { 'last-event-id': '1' });
    const text = await stream.until('id: 2');
    expect(text).not.toContain('id: 1\n');
    await stream.reader.cancel();
  });

  it('an ordinal beyond the head does not wait for it', async () => {
    const { plane, open } = setup();
    const stream = await open('/v1/events/stream', { 'last-event-id': '900' });
    await settle();
    plane.push(eventView(3));
    expect(await stream.until('id: 3')).toContain('id: 3');
    await stream.reader.cancel();
  });

  it('leaves out what the filter does not name', async () => {
    const { open } = setup();
    const stream = await open('/v1/events/stream?after=0&type=service_recovered');
    const text = await stream.until('id: 2');
    expect(text).not.toContain('id: 1\n');
    await stream.reader.cancel();
  });

  it('breathes every 15 s, and stops its clock and its follower when the client goes', async () => {
    const { plane, clock, open } = setup();
    const stream = await open('/v1/events/stream');
    await stream.until('retry');
    await clock.advance(HEARTBEAT_MS);
    expect(await stream.until(': still here')).toContain(': still here\n\n');
    expect({ followers: plane.followers, timers: clock.waiting }).toEqual({ followers: 1, timers: 1 });
    await stream.reader.cancel();
    await settle();
    expect({ followers: plane.followers, timers: clock.waiting }).toEqual({ followers: 0, timers: 0 });
  });

  it('ends when the server closes', async () => {
    const { plane, closing, open } = setup();
    const stream = await open('/v1/events/stream');
    await stream.until('retry');
    closing.abort();
    await stream.until('never');
    expect(plane.followers).toBe(0);
  });

  it('waits for a client that does not read', async () => {
    const { plane, open } = setup();
    let given = 0;
    plane.follow = async (_after, each, signal) => {
      for (let ord = 1; ord <= 1_000 && !signal.aborted; ord++) {
        await each(eventView(ord, { data: { detail: 'x'.repeat(1_000) } }));
        given = ord;
      }
    };
    const stream = await open('/v1/events/stream');
    await settle();
    const held = given;
    expect(held).toBeGreaterThan(10);
    expect(held).toBeLessThan(300);
    await stream.until('id: 1000');
    await stream.reader.cancel();
    await settle();
    expect(given).toBe(1_000);
  });

  it('says so when following fails', async () => {
    const { plane, open } = setup();
    plane.follow = () => Promise.reject(new Error('the journal is gone'));
    const stream = await open('/v1/events/stream');
    expect(await stream.until('"code"')).toContain('event: problem');
  });
});

describe('the log of a service', () => {
  it('is its last lines', async () => {
    const { open } = setup();
    const stream = await open('/v1/logs/piha/agent-system?tail=1');
    expect(await stream.until('never')).toBe('two\n');
  });

  it('follows until the client goes', async () => {
    const { plane, open } = setup();
    const stream = await open('/v1/logs/piha/agent-system?follow=true');
    await stream.until('two\n');
    await settle();
    plane.print('three');
    expect(await stream.until('three')).toBe('three\n');
    await stream.reader.cancel();
    await settle();
    expect(plane.followers).toBe(0);
  });

  it('of nothing is a problem document, not an empty stream', async () => {
    const { open } = setup();
    const { response } = await open('/v1/logs/piha/nothing');
    expect(response.status).toBe(404);
  });
});
