/**
 * What `lab up` shows while it runs: progress until everything is settled, `ready` and the address on stdout, what waits for a
 * person with the command to type, and after that only what is worth a line. Starts and stops nothing: it is told what the
 * daemon's parent sees, and asks for the status.
 */
import { type Clock, delay } from '@lab/sdk/clock';
import type { ActionView, ServiceView, StatusView } from '@lab/sdk/views/views';
import { problemLine } from './faces/status-face.ts';
import { actionState, count, healthState, revisionText, shaped } from './faces/words.ts';
import type { Io } from './terminal/io.ts';
import type { Style, Tone } from './terminal/style.ts';

export interface UpFaceOptions {
  readonly io: Pick<Io, 'out' | 'err' | 'errTerminal'>;
  readonly style: Style;
  readonly clock: Clock;
  readonly url: string;
  /** Undefined while nobody answers. */
  status(signal: AbortSignal): Promise<StatusView | undefined>;
  /** This was shown as it is: a bare `lab approve` may send it. */
  shown(action: ActionView): void;
}

const STARTING_POLL_MS = 150;
const RUNNING_POLL_MS = 1_000;
/** Of proposals that come at once; `lab status` has the others. */
const MOST_PROPOSED = 6;

export class UpFace {
  readonly #options: UpFaceOptions;
  /** The line of progress that stands on the terminal, or was said last. */
  #progress = '';
  #last: StatusView | undefined;

  constructor(options: UpFaceOptions) {
    this.#options = options;
  }

  /** Resolves when the signal aborts. `onReady` is called once, after `ready` was printed. */
  async run(signal: AbortSignal, onReady: () => void = () => undefined): Promise<void> {
    let ready = false;
    while (!signal.aborted) {
      const status = await this.#options.status(signal);
      if (signal.aborted) return;
      if (ready) {
        if (status !== undefined) this.#notable(status);
      } else if (status?.settled === true) {
        ready = true;
        this.#ready(status);
        onReady();
      } else {
        this.#say(progressText(status));
      }
      this.#last = status ?? this.#last;
      await delay(this.#options.clock, ready ? RUNNING_POLL_MS : STARTING_POLL_MS, signal).catch(() => undefined);
    }
  }

  /** A line of the daemon's parent: it was started again, a plugin was disabled, it stops. */
  line(text: string): void {
    // What has lines of its own, such as the problems of a fleet, stands as it is.
    if (text.includes('\n')) {
      this.#clear();
      this.#options.io.err(`${text.trimEnd()}\n`);
    } else this.#line('soft', '·', text);
  }

  #ready(status: StatusView): void {
    this.#clear();
    this.#options.io.out(`ready ${this.#options.url}\n`);
    const { problems, pending } = status;
    for (const problem of problems)
      this.#line(problem.severity === 'error' ? 'bad' : 'wait', '▲', problemLine(problem));
    const asked = new Set(pending.map(({ node, service }) => `${node}/${service}`));
    for (const service of status.services) if (!asked.has(keyOf(service))) this.#sick(service);
    this.#propose(pending);
    if (pending.length > 1) this.#options.io.err(`  all of them: lab plan, then lab apply\n`);
  }

  /** What differs from the last look and is worth a line. */
  #notable(status: StatusView): void {
    const before = this.#last;
    if (before === undefined) return;
    const known = new Set(before.pending.map((action) => action.ulid));
    const was = new Map(before.services.map((service) => [keyOf(service), service.health]));
    for (const service of status.services) {
      const old = was.get(keyOf(service));
      if (old === undefined || old === service.health || isQuiet(service)) continue;
      if (service.health === 'healthy') this.#line('ok', '●', `${keyOf(service)} is healthy`);
      else this.#sick(service);
    }
    // An edit before what is proposed because of it.
    this.#edits(before, status);
    // What a person asked for is on its way already.
    this.#propose(status.pending.filter((action) => !known.has(action.ulid) && action.class !== 'person'));
  }

  #edits(before: StatusView, status: StatusView): void {
    const said = new Set(before.problems.map(problemLine));
    for (const problem of status.problems) {
      const line = problemLine(problem);
      if (problem.severity === 'warning' && !said.has(line)) this.#line('wait', '▲', line);
    }
    const lines = status.problems.filter((problem) => problem.severity === 'error').map(problemLine);
    const old = before.problems.filter((problem) => problem.severity === 'error').map(problemLine);
    if (lines.length > 0 && lines.join() !== old.join()) {
      this.#line(
        'bad',
        '■',
        `${count(lines.length, 'problem')} in the last edit; revision ${revisionText(status.revision)} stays in force`,
      );
      for (const line of lines.slice(0, 5)) this.#options.io.err(`  ${line}\n`);
    }
    if (status.revision !== before.revision)
      this.#line('ok', '●', `revision ${revisionText(status.revision)} is in force`);
  }

  #sick(service: ServiceView): void {
    if (healthState(service.health) === 'bad' && !isQuiet(service))
      this.#line('bad', '■', `${keyOf(service)} is ${service.health}${causeText(service)}`);
  }

  #propose(actions: readonly ActionView[]): void {
    for (const action of actions.slice(0, MOST_PROPOSED)) this.#proposed(action);
    const more = actions.length - MOST_PROPOSED;
    if (more > 0) this.#options.io.err(`  and ${more} more: lab status\n`);
  }

  #proposed(action: ActionView): void {
    const { text, tone } = shaped(actionState(action.state), action.id);
    this.#line(tone ?? 'wait', text.slice(0, 1), `${action.id}: ${action.why.text}`);
    this.#options.io.err(`  lab approve ${action.id}\n`);
    this.#options.shown(action);
  }

  #line(tone: Tone, shape: string, text: string): void {
    this.#clear();
    this.#options.io.err(`${this.#options.style(tone, shape)} ${text}\n`);
  }

  /** On a terminal one line that changes, elsewhere a line for each change. */
  #say(text: string): void {
    if (text === this.#progress) return;
    this.#progress = text;
    this.#options.io.err(this.#options.io.errTerminal ? `\r${this.#options.style('soft', text)}\u001b[K` : `${text}\n`);
  }

  #clear(): void {
    if (this.#options.io.errTerminal && this.#progress !== '') this.#options.io.err('\r\u001b[K');
    this.#progress = '';
  }
}

function progressText(status: StatusView | undefined): string {
  if (status === undefined) return 'starting';
  const [first = 'settling', ...more] = status.settling;
  return more.length === 0 ? first : `${first}, and ${more.length} more`;
}

/** Nobody is told how it is. */
function isQuiet({ monitor, held }: ServiceView): boolean {
  return !monitor || held !== undefined;
}

function keyOf({ node, name }: ServiceView): string {
  return `${node}/${name}`;
}

function causeText({ sources }: ServiceView): string {
  const cause = Object.values(sources).find((said) => said.cause !== undefined)?.cause;
  return cause === undefined ? '' : ` (${cause.replaceAll('_', ' ')})`;
}
