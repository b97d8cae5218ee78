/** The outside of a command, as a port: a test gives another one. Data goes to `out`, everything else to `err`. */
import type { Clock } from '@lab/sdk/clock';

export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Whether a person looks at it. */
  readonly outTerminal: boolean;
  readonly errTerminal: boolean;
  readonly inTerminal: boolean;
  /** Columns of the terminal; undefined where the output goes elsewhere and nothing is cut. */
  readonly columns: number | undefined;
  out(text: string): void;
  err(text: string): void;
  /** One line of an answer; undefined at the end of the input. */
  ask(question: string): Promise<string | undefined>;
  /** Hears every Ctrl-C (and a request to end) until the returned function is called. */
  onInterrupt(hear: () => void): () => void;
  /** SIGHUP: the terminal went away, or somebody asks to read the files again. */
  onHangup?(hear: () => void): () => void;
  /** Runs `work` with a signal that Ctrl-C aborts. */
  interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T>;
}
