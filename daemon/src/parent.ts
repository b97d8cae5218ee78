/**
 * The daemon's parent, as `lab up` is (a service manager is another): starts it in a session of its own, so that Ctrl-C reaches only the
 * parent; watches its beats; starts it again when it died or hung; hands a stop on.
 *
 * INVARIANTS: at most one daemon at a time; it is ended by its pid, never its services, which a next daemon adopts; a
 * silence is counted in looks, not in hours, so that a parent that was itself stopped for a while blames nobody; a daemon that said `end`
 * is not started again.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { type Clock, instant, type Timer } from '@lab/sdk/clock';
import { messageOf } from '@lab/sdk/errors';
import { readPulse, type ToDaemon } from './pulse.ts';
import { type StrikeDisk, strike } from './strikes.ts';

const LOOK_MS = 1_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
const DEATHS = 5;
const DEATHS_WITHIN_MS = 60_000;

/** A daemon that was started, as far as it matters here. */
export interface DaemonProcess {
  readonly pid: number | undefined;
  send(message: ToDaemon): void;
  kill(signal: 'SIGKILL' | 'SIGHUP'): void;
  onMessage(hear: (message: unknown) => void): void;
  /** Once. Also where it could not be started. */
  onExit(hear: (how: string) => void): void;
}

export interface SuperviseOptions {
  /** `state/pulse` and `state/plugins.json` are below it. */
  readonly root: string;
  readonly start: () => DaemonProcess;
  readonly clock: Clock;
  readonly disk: StrikeDisk;
  /** A line for people. */
  readonly onLine: (line: string) => void;
  /** How long without a beat. */
  readonly stallMs?: number;
  /** The same until the first beat: a cold start loads everything. */
  readonly firstBeatMs?: number;
  /** How long an orderly stop may take. */
  readonly stopMs?: number;
}

export interface Supervision {
  /** The exit code for the parent. */
  readonly ended: Promise<number>;
  /** First call: an orderly stop. Second: the daemon is killed, services are left running. */
  stop(): void;
  /** Read the inventory again. */
  reload(): void;
  readonly pid: number | undefined;
}

export interface DaemonCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: 'inherit' | number;
  readonly stderr: 'inherit' | number;
}

/** Starts a real one: own session, no stdin, output to descriptors (never a pipe: it would die with the parent). */
export function startDaemon({ command, args, env, stdout, stderr }: DaemonCommand): DaemonProcess {
  const child: ChildProcess = spawn(command, [...args], {
    detached: true,
    env,
    stdio: ['ignore', stdout, stderr, 'ipc'],
  });
  return {
    pid: child.pid,
    // It may be gone by now; `onExit` says so.
    send: (message) => void (child.connected && child.send(message, () => {})),
    kill: (signal) => void child.kill(signal),
    onMessage: (hear) => void child.on('message', hear),
    onExit: (hear) => {
      child.once('error', (cause) => hear(`could not be started: ${cause.message}`));
      child.once('exit', (code, signal) => hear(signal === null ? `exit code ${code}` : signal));
    },
  };
}

export function superviseDaemon(options: SuperviseOptions): Supervision {
  return new Parent(options);
}

class Parent implements Supervision {
  readonly ended: Promise<number>;
  readonly #options: Required<SuperviseOptions>;
  readonly #finish: (code: number) => void;
  #deathsMs: readonly number[] = [];
  #daemon: DaemonProcess | undefined;
  #beaten = false;
  #looksWithoutBeat = 0;
  #endCode: number | undefined;
  #stops = 0;
  #stopTimer: Timer | undefined;
  #look: Timer | undefined;
  #nextStart: Timer | undefined;

  constructor(options: SuperviseOptions) {
    this.#options = { stallMs: 15_000, firstBeatMs: 60_000, stopMs: 120_000, ...options };
    const { promise, resolve } = Promise.withResolvers<number>();
    this.ended = promise;
    this.#finish = (code) => {
      for (const timer of [this.#look, this.#stopTimer, this.#nextStart]) timer?.cancel();
      resolve(code);
    };
    this.#start();
  }

  get pid(): number | undefined {
    return this.#daemon?.pid;
  }

  stop(): void {
    const { onLine, clock, stopMs } = this.#options;
    this.#stops++;
    const daemon = this.#daemon;
    if (daemon === undefined) {
      onLine('the daemon is not running just now; services are left running');
      this.#finish(1);
      return;
    }
    if (this.#stops > 1) {
      onLine('not waiting: the daemon is killed, services are left running and are taken over by the next lab up');
      daemon.kill('SIGKILL');
      return;
    }
    onLine('stopping what was started here, in order; once more to leave services running');
    daemon.send({ type: 'stop' });
    this.#stopTimer = clock.after(stopMs, () => {
      onLine(`it did not stop within ${stopMs / 1000} s: the daemon is killed, services may still run`);
      daemon.kill('SIGKILL');
    });
  }

  reload(): void {
    this.#daemon?.kill('SIGHUP');
  }

  #start(): void {
    const daemon = this.#options.start();
    this.#daemon = daemon;
    this.#beaten = false;
    this.#looksWithoutBeat = 0;
    this.#endCode = undefined;
    daemon.onMessage((message) => this.#hear(message));
    daemon.onExit((how) => {
      if (this.#daemon === daemon) this.#exited(how);
    });
    this.#look = this.#options.clock.every(LOOK_MS, () => this.#lookAt(daemon));
  }

  #hear(message: unknown): void {
    if (typeof message !== 'object' || message === null || !('type' in message)) return;
    if (message.type === 'beat') {
      this.#beaten = true;
      this.#looksWithoutBeat = 0;
    } else if (message.type === 'progress' && 'text' in message) this.#options.onLine(String(message.text));
    else if (message.type === 'end' && 'code' in message) this.#endCode = Number(message.code);
  }

  #lookAt(daemon: DaemonProcess): void {
    const { stallMs, firstBeatMs } = this.#options;
    this.#looksWithoutBeat++;
    if (this.#looksWithoutBeat * LOOK_MS < (this.#beaten ? stallMs : firstBeatMs)) return;
    this.#look?.cancel();
    void this.#hung(daemon, this.#looksWithoutBeat * LOOK_MS);
  }

  async #hung(daemon: DaemonProcess, silentMs: number): Promise<void> {
    const { root, disk, clock, onLine } = this.#options;
    const culprit = readPulse(join(root, 'state', 'pulse'));
    const silent = `the daemon gave no sign of life for ${silentMs / 1000} s`;
    if (culprit === null) onLine(`${silent}; nothing says which plugin held it`);
    else {
      const reason = `blocked the daemon's thread for ${silentMs / 1000} s`;
      try {
        const { disabledAt } = await strike(disk, root, culprit, reason, instant(clock.now()));
        const then = disabledAt === undefined ? 'the next time it is disabled' : 'it is disabled now, see lab plugins';
        onLine(`${silent}: plugin ${culprit} blocks its thread; ${then}`);
      } catch (cause) {
        onLine(`${silent}: plugin ${culprit} blocks its thread, which could not be noted: ${messageOf(cause)}`);
      }
    }
    daemon.kill('SIGKILL');
  }

  #exited(how: string): void {
    this.#daemon = undefined;
    this.#look?.cancel();
    if (this.#endCode !== undefined) this.#finish(this.#endCode);
    else if (this.#stops > 0) {
      if (this.#stops === 1) this.#options.onLine(`the daemon died while it stopped (${how}); services may still run`);
      this.#finish(1);
    } else this.#again(how);
  }

  #again(how: string): void {
    const { onLine, clock } = this.#options;
    const now = clock.monotonic();
    this.#deathsMs = [...this.#deathsMs.filter((diedMs) => now - diedMs <= DEATHS_WITHIN_MS), now];
    const recent = this.#deathsMs.length;
    if (recent >= DEATHS) {
      const died = `the daemon died ${recent} times within a minute (last: ${how})`;
      onLine(`${died} and is not started again; services are left running`);
      this.#finish(1);
      return;
    }
    const waitMs = Math.min(FIRST_WAIT_MS * 2 ** (recent - 1), LONGEST_WAIT_MS);
    onLine(`the daemon died (${how}); services run on, it is started again in ${waitMs / 1000} s`);
    this.#nextStart = clock.after(waitMs, () => this.#start());
  }
}
