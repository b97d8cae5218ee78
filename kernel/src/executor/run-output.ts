/** What a run prints, as bulk events: gathered, bounded, in order. Losing a line is no reason to fail a run. */
import { type Clock, type Emit, type Log, messageOf, type Timer } from '@lab/sdk';

const GATHER_MS = 250;
const GATHER_LINES = 50;
const LINE_CHARS = 2_000;
/** Of one run; the provider's own log has the rest. */
const RUN_LINES = 5_000;

export class RunOutput {
  readonly #about: { readonly id: string; readonly ulid: string; readonly run: string };
  readonly #service: { readonly service?: string };
  readonly #ports: { readonly emit: Emit; readonly clock: Clock; readonly log: Log };
  #lines: string[] = [];
  #count = 0;
  #timer: Timer | undefined;
  #sent: Promise<void> = Promise.resolve();

  constructor(
    about: { readonly id: string; readonly ulid: string; readonly run: string },
    service: string | null,
    ports: { readonly emit: Emit; readonly clock: Clock; readonly log: Log },
  ) {
    this.#about = about;
    this.#service = service === null ? {} : { service };
    this.#ports = ports;
  }

  readonly line = (text: string): void => {
    this.#count += 1;
    if (this.#count > RUN_LINES) return;
    this.#lines.push(this.#count === RUN_LINES ? 'further output is not kept' : text.slice(0, LINE_CHARS));
    if (this.#lines.length >= GATHER_LINES) this.#send();
    else this.#timer ??= this.#ports.clock.after(GATHER_MS, () => this.#send());
  };

  /** Resolves once everything that was printed is said. */
  async flush(): Promise<void> {
    this.#send();
    await this.#sent;
  }

  #send(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#lines.length === 0) return;
    const lines = this.#lines;
    this.#lines = [];
    const { emit, log } = this.#ports;
    this.#sent = this.#sent
      .then(() => emit({ type: 'action_output', ...this.#service, data: { ...this.#about, lines } }))
      .then(
        () => undefined,
        (cause: unknown) => log.warn('output of a run was lost', { ...this.#about, reason: messageOf(cause) }),
      );
  }
}
