import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock, RealClock } from '@lab/sdk/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DaemonProcess, type SuperviseOptions, type Supervision, startDaemon, superviseDaemon } from './parent.ts';
import { Pulse } from './pulse.ts';
import { disabledPlugins, readStrikes, type StrikeDisk, strikesPath } from './strikes.ts';

class FakeDisk implements StrikeDisk {
  readonly files = new Map<string, string>();
  full = false;
  async read(path: string): Promise<Uint8Array | undefined> {
    const data = this.files.get(path);
    return data === undefined ? undefined : new TextEncoder().encode(data);
  }
  async replace(path: string, data: string | Uint8Array): Promise<void> {
    if (this.full) throw new Error('no space');
    this.files.set(path, String(data));
  }
}

class FakeDaemon implements DaemonProcess {
  readonly told: string[] = [];
  #hear: (message: unknown) => void = () => {};
  #exit: (how: string) => void = () => {};
  readonly pid: number;
  constructor(pid: number) {
    this.pid = pid;
  }
  send(message: { type: string }): void {
    this.told.push(message.type);
  }
  kill(signal: string): void {
    this.told.push(signal);
    if (signal === 'SIGKILL') this.exit('SIGKILL');
  }
  onMessage(hear: (message: unknown) => void): void {
    this.#hear = hear;
  }
  onExit(hear: (how: string) => void): void {
    this.#exit = hear;
  }
  say(message: unknown): void {
    this.#hear(message);
  }
  exit(how: string): void {
    this.#exit(how);
  }
}

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'lab-parent-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

class Scene {
  readonly clock = new FakeClock();
  readonly disk = new FakeDisk();
  readonly daemons: FakeDaemon[] = [];
  readonly lines: string[] = [];
  readonly supervision: Supervision;
  code: number | undefined;

  constructor(options: Partial<SuperviseOptions> = {}) {
    this.supervision = superviseDaemon({
      root,
      clock: this.clock,
      disk: this.disk,
      onLine: (line) => this.lines.push(line),
      start: () => {
        const daemon = new FakeDaemon(100 + this.daemons.length);
        this.daemons.push(daemon);
        return daemon;
      },
      ...options,
    });
    void this.supervision.ended.then((code) => {
      this.code = code;
    });
  }

  get daemon(): FakeDaemon {
    const last = this.daemons.at(-1);
    if (last === undefined) throw new Error('none was started');
    return last;
  }

  async beatFor(seconds: number): Promise<void> {
    for (let n = 0; n < seconds; n++) {
      this.daemon.say({ type: 'beat' });
      await this.clock.advance(1_000);
    }
  }
}

describe('a daemon that hangs', () => {
  it('is killed by its pid and started again; its plugin gets a strike, and is disabled by the second', async () => {
    const scene = new Scene();
    await scene.beatFor(100);
    const pulse = new Pulse(join(root, 'state', 'pulse'));
    pulse.mark('health.stuck');
    await scene.clock.advance(13_999);
    expect(scene.daemon.told).toEqual([]);
    await scene.clock.advance(1);
    expect(scene.daemon.told).toEqual(['SIGKILL']);
    expect(scene.lines).toEqual([
      'the daemon gave no sign of life for 15 s: plugin health.stuck blocks its thread; the next time it is disabled',
      'the daemon died (SIGKILL); services run on, it is started again in 1 s',
    ]);
    expect(await disabledPlugins(scene.disk, root)).toEqual(new Map());
    await scene.clock.advance(1_000);
    expect(scene.supervision.pid).toBe(101);
    await scene.beatFor(10);
    await scene.clock.advance(14_000);
    expect(scene.lines.at(-2)).toBe(
      'the daemon gave no sign of life for 15 s: plugin health.stuck blocks its thread; it is disabled now, see lab plugins',
    );
    expect(await readStrikes(scene.disk, root)).toMatchObject({ 'health.stuck': { strikes: 2 } });
    expect(await disabledPlugins(scene.disk, root)).toEqual(
      new Map([
        ['health.stuck', "blocked the daemon's thread for 15 s; delete it from state/plugins.json to let it try again"],
      ]),
    );
    pulse.close();
  });

  it('in code of the kernel blames no plugin', async () => {
    const scene = new Scene();
    new Pulse(join(root, 'state', 'pulse')).mark(null);
    await scene.beatFor(1);
    await scene.clock.advance(14_000);
    expect(scene.lines[0]).toBe('the daemon gave no sign of life for 15 s; nothing says which plugin held it');
    expect(scene.disk.files.size).toBe(0);
    expect(scene.daemon.told).toEqual(['SIGKILL']);
  });

  it('has longer for its first beat', async () => {
    const scene = new Scene();
    await scene.clock.advance(59_999);
    expect(scene.daemon.told).toEqual([]);
    await scene.clock.advance(1);
    expect(scene.daemon.told).toEqual(['SIGKILL']);
  });

  it('is started again where the strike cannot be noted, or the file of strikes is garbage', async () => {
    const scene = new Scene();
    new Pulse(join(root, 'state', 'pulse')).mark('health.stuck');
    scene.disk.files.set(strikesPath(root), '{"health.stuck": 7');
    scene.disk.full = true;
    await scene.beatFor(1);
    await scene.clock.advance(15_000);
    expect(scene.lines[0]).toContain('which could not be noted: no space');
    expect(scene.daemons).toHaveLength(2);
  });
});

describe('a daemon that dies', () => {
  it('is started again after 1, 2, 4, 8 s, and given up at the fifth death within a minute', async () => {
    const scene = new Scene();
    for (const waitMs of [1_000, 2_000, 4_000, 8_000]) {
      scene.daemon.exit('exit code 3');
      const before = scene.daemons.length;
      await scene.clock.advance(waitMs - 1);
      expect(scene.daemons).toHaveLength(before);
      await scene.clock.advance(1);
      expect(scene.daemons).toHaveLength(before + 1);
    }
    scene.daemon.exit('SIGSEGV');
    await scene.clock.advance(0);
    expect(scene.code).toBe(1);
    expect(scene.lines.at(-1)).toBe(
      'the daemon died 5 times within a minute (last: SIGSEGV) and is not started again; services are left running',
    );
    expect(scene.clock.waiting).toBe(0);
  });

  it('now and then is started again each time', async () => {
    const scene = new Scene();
    for (let n = 0; n < 12; n++) {
      await scene.beatFor(30);
      scene.daemon.exit('SIGKILL');
      await scene.clock.advance(30_000);
    }
    expect(scene.daemons).toHaveLength(13);
    expect(scene.code).toBeUndefined();
  });

  it('on purpose ends the parent with its code', async () => {
    const scene = new Scene();
    scene.daemon.say({ type: 'progress', text: 'hosts/piha/services.yaml:12:5 unknown exposure' });
    scene.daemon.say({ type: 'end', code: 5 });
    scene.daemon.exit('exit code 5');
    await scene.clock.advance(0);
    expect(scene.code).toBe(5);
    expect(scene.lines).toEqual(['hosts/piha/services.yaml:12:5 unknown exposure']);
  });
});

describe('a stop', () => {
  it('is handed on once, and ends with what the daemon says', async () => {
    const scene = new Scene();
    await scene.beatFor(3);
    scene.supervision.stop();
    expect(scene.daemon.told).toEqual(['stop']);
    scene.daemon.say({ type: 'end', code: 0 });
    scene.daemon.exit('exit code 0');
    await scene.clock.advance(0);
    expect(scene.code).toBe(0);
    expect(scene.clock.waiting).toBe(0);
  });

  it('asked for twice kills the daemon and says what runs on', async () => {
    const scene = new Scene();
    scene.supervision.stop();
    scene.supervision.stop();
    await scene.clock.advance(0);
    expect(scene.daemon.told).toEqual(['stop', 'SIGKILL']);
    expect(scene.lines.at(-1)).toContain('services are left running');
    expect(scene.code).toBe(1);
    expect(scene.daemons).toHaveLength(1);
  });

  it('that takes too long is ended, also when the beats go on', async () => {
    const scene = new Scene({ stopMs: 20_000 });
    scene.supervision.stop();
    await scene.beatFor(20);
    expect(scene.daemon.told).toEqual(['stop', 'SIGKILL']);
    expect(scene.code).toBe(1);
  });

  it('between two lives ends the parent at once', async () => {
    const scene = new Scene();
    scene.daemon.exit('SIGKILL');
    scene.supervision.stop();
    await scene.clock.advance(60_000);
    expect(scene.code).toBe(1);
    expect(scene.daemons).toHaveLength(1);
  });

  it('is not a reload', () => {
    const scene = new Scene();
    scene.supervision.reload();
    expect(scene.daemon.told).toEqual(['SIGHUP']);
  });
});

describe('with real processes', () => {
  const daemon = (body: string): string => `
    import { ParentLink, Pulse } from ${JSON.stringify(new URL('./pulse.ts', import.meta.url).href)};
    const clock = { every: (ms, run) => { const t = setInterval(run, ms); return { cancel: () => clearInterval(t) }; } };
    const pulse = new Pulse(process.argv[2]);
    const link = new ParentLink(process, clock, {
      onStop: () => void link.end(0).then(() => process.exit(0)),
      onGone: () => process.exit(7),
    });
    ${body}`;

  it('names the plugin of a thread that is blocked, kills, starts again, and stops in order', async () => {
    const script = join(root, 'daemon.mjs');
    await writeFile(
      script,
      daemon(`
      import { existsSync, writeFileSync } from 'node:fs';
      if (existsSync(process.argv[2] + '.second')) link.progress('second life');
      else {
        writeFileSync(process.argv[2] + '.second', '');
        setTimeout(() => { pulse.mark('health.stuck'); for (;;); }, 50);
      }`),
    );
    const lines: string[] = [];
    const disk = new FakeDisk();
    const supervision = superviseDaemon({
      root,
      clock: new RealClock(),
      disk,
      stallMs: 2_000,
      onLine: (line) => {
        lines.push(line);
        if (line === 'second life') supervision.stop();
      },
      start: () =>
        startDaemon({
          command: process.execPath,
          args: [script, join(root, 'state', 'pulse')],
          env: process.env,
          stdout: 'inherit',
          stderr: 'inherit',
        }),
    });
    expect(await supervision.ended).toBe(0);
    expect(lines[0]).toMatch(/plugin health\.stuck blocks its thread/);
    expect(await readStrikes(disk, root)).toMatchObject({ 'health.stuck': { strikes: 1 } });
  });

  it('says so when it cannot be started at all', async () => {
    const scene = new Scene({
      start: () =>
        startDaemon({ command: join(root, 'none'), args: [], env: {}, stdout: 'inherit', stderr: 'inherit' }),
    });
    while (scene.lines.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(scene.lines[0]).toMatch(/^the daemon died \(could not be started: .*ENOENT\)/);
    scene.supervision.stop();
    expect(await scene.supervision.ended).toBe(1);
  });
});
