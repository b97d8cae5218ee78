/** The port of io.ts on this process: its streams, its clock, its Ctrl-C. */
import type { Clock, Timer } from '@lab/sdk/clock';
import type { Io } from './io.ts';

/** The one place of the command line that reads the clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, run) => timer(setTimeout(run, ms)),
  every: (ms, run) => timer(setInterval(run, ms)),
};

function timer(handle: NodeJS.Timeout): Timer {
  return { cancel: () => clearTimeout(handle) };
}

export function processIo(): Io {
  const { stdout, stderr, stdin, env } = process;
  return {
    env,
    clock: systemClock,
    outTerminal: stdout.isTTY === true,
    errTerminal: stderr.isTTY === true,
    inTerminal: stdin.isTTY === true,
    columns: stdout.isTTY === true ? stdout.columns : undefined,
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    ask,
    onInterrupt,
    onHangup,
    interruptible,
  };
}

async function ask(question: string): Promise<string | undefined> {
  const { createInterface } = await import('node:readline/promises');
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  const gone = new AbortController();
  reader.once('close', () => gone.abort());
  reader.once('SIGINT', () => reader.close());
  try {
    return await reader.question(question, { signal: gone.signal });
  } catch {
    return undefined;
  } finally {
    reader.close();
  }
}

function onInterrupt(hear: () => void): () => void {
  process.on('SIGINT', hear);
  process.on('SIGTERM', hear);
  return () => {
    process.off('SIGINT', hear);
    process.off('SIGTERM', hear);
  };
}

function onHangup(hear: () => void): () => void {
  process.on('SIGHUP', hear);
  return () => void process.off('SIGHUP', hear);
}

async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const undo = onInterrupt(() => stop.abort());
  try {
    return await work(stop.signal);
  } finally {
    undo();
  }
}
