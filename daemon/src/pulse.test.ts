import { fork } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@lab/sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ParentLink, Pulse, readPulse, type ToParent } from './pulse.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lab-pulse-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('the pulse file', () => {
  it('says whose code runs, and keeps its size', () => {
    const path = join(dir, 'state', 'pulse');
    const pulse = new Pulse(path);
    expect(readPulse(path)).toBeNull();
    const { size } = statSync(path);
    expect(pulse.mark('provider.process')).toBeNull();
    expect(readPulse(path)).toBe('provider.process');
    expect(pulse.mark('health.http')).toBe('provider.process');
    expect(readPulse(path)).toBe('health.http');
    expect(pulse.mark('provider.process')).toBe('health.http');
    pulse.mark(null);
    expect(readPulse(path)).toBeNull();
    expect(statSync(path).size).toBe(size);
    pulse.mark('health.http');
    pulse.close();
    expect(readPulse(path)).toBeNull();
  });

  it('that is absent or garbage names nobody', () => {
    const path = join(dir, 'pulse');
    expect(readPulse(path)).toBeNull();
    for (const garbage of ['', '\0\0\0', 'no id', '../x', 'a.b\nc.d']) {
      writeFileSync(path, garbage);
      expect(readPulse(path)).toBeNull();
    }
  });
});

class FakeChannel extends EventEmitter {
  connected = true;
  readonly sent: ToParent[] = [];
  send(message: ToParent, done: (cause: Error | null) => void): void {
    this.sent.push(message);
    done(null);
  }
  disconnect(): void {
    this.connected = false;
    this.emit('disconnect');
  }
}

describe("the daemon's end of the channel", () => {
  it('beats each second, hears a stop, and lets go when it ends', async () => {
    const clock = new FakeClock();
    const channel = new FakeChannel();
    const heard: string[] = [];
    const link = new ParentLink(channel, clock, { onStop: () => heard.push('stop'), onGone: () => heard.push('gone') });
    await clock.advance(3_000);
    expect(channel.sent.map(({ type }) => type)).toEqual(Array(4).fill('beat'));
    channel.emit('message', { type: 'unknown' });
    channel.emit('message', 'garbage');
    channel.emit('message', { type: 'stop' });
    expect(heard).toEqual(['stop']);
    await link.end(0);
    expect(channel.sent.at(-1)).toEqual({ type: 'end', code: 0 });
    expect(channel.connected).toBe(false);
    expect(heard).toEqual(['stop']);
    expect(clock.waiting).toBe(0);
  });

  it('does nothing where there is no parent', async () => {
    const clock = new FakeClock();
    const channel = new FakeChannel();
    channel.connected = false;
    const link = new ParentLink(channel, clock, { onStop: () => {}, onGone: () => {} });
    link.progress('to nobody');
    await link.end(0);
    expect(channel.sent).toEqual([]);
    expect(clock.waiting).toBe(0);
  });

  it('is told when the parent is gone', async () => {
    const script = join(dir, 'daemon.mjs');
    writeFileSync(
      script,
      `import { ParentLink } from ${JSON.stringify(new URL('./pulse.ts', import.meta.url).href)};
       new ParentLink(process, { every: (ms, run) => setInterval(run, ms) }, { onStop: () => {}, onGone: () => process.exit(7) });`,
    );
    const child = fork(script, { stdio: 'ignore' });
    await once(child, 'message');
    child.disconnect();
    const [code] = await once(child, 'exit');
    expect(code).toBe(7);
  });
});
