/**
 * What this node was told: its desired state and the approved digests, on disk, so that it can work without a hub.
 *
 * INVARIANTS: a generation older than the accepted one is refused, and so is another content under the same number. What this node
 * itself completed wins over what the hub says until the hub has folded that far.
 */

import type { Disk } from '@lab/kernel/disk/disk';
import { readJson } from '@lab/kernel/disk/json';
import {
  type ApprovedDoc,
  approvedDocSchema,
  type DesiredDoc,
  type DesiredEntry,
  desiredDocSchema,
  digestOf,
  LabError,
} from '@lab/sdk';
import { z } from 'zod';

const localSchema = z.strictObject({
  log: z.string(),
  services: z.record(z.string(), z.strictObject({ digest: z.string().nullable(), seq: z.int() })),
});
type Local = z.infer<typeof localSchema>;

const storedSchema = z.strictObject({ hub: approvedDocSchema.nullable(), local: localSchema });

export interface ToldPaths {
  readonly desired: string;
  readonly approved: string;
}

export class Told {
  readonly #disk: Disk;
  readonly #paths: ToldPaths;
  #desired: DesiredDoc | undefined;
  #hub: ApprovedDoc | null;
  #local: Local;

  private constructor(
    disk: Disk,
    paths: ToldPaths,
    desired: DesiredDoc | undefined,
    hub: ApprovedDoc | null,
    local: Local,
  ) {
    this.#disk = disk;
    this.#paths = paths;
    this.#desired = desired;
    this.#hub = hub;
    this.#local = local;
  }

  /** A file that cannot be read is set aside by `onBad` and counts as absent: the hub tells it again. */
  static async open(
    disk: Disk,
    paths: ToldPaths,
    onBad: (path: string, reason: string) => Promise<void>,
  ): Promise<Told> {
    const desired = await readJson(disk, paths.desired, desiredDocSchema, onBad);
    const stored = await readJson(disk, paths.approved, storedSchema, onBad);
    return new Told(disk, paths, desired, stored?.hub ?? null, stored?.local ?? { log: '', services: {} });
  }

  get generation(): number {
    return this.#desired?.generation ?? 0;
  }

  get desiredHash(): string | null {
    return this.#desired === undefined ? null : digestOf(this.#desired);
  }

  get services(): readonly DesiredEntry[] {
    return this.#desired?.services ?? [];
  }

  entry(service: string): DesiredEntry | undefined {
    return this.#desired?.services.find((entry) => entry.service === service);
  }

  get heartbeatMs(): number | undefined {
    return this.#desired?.heartbeatMs;
  }

  /** The approved digest of a service here, or null. */
  approved(service: string): string | null {
    const local = this.#local.services[service];
    if (local !== undefined && !this.#folded(local.seq)) return local.digest;
    return this.#hub?.approved[service] ?? null;
  }

  approvedHash(): string {
    return digestOf(this.#hub?.approved ?? {});
  }

  /** `generation_refused` as LabError `refused` where the document may not be accepted. */
  async accept(desired: DesiredDoc, approved: ApprovedDoc): Promise<void> {
    const offered = desiredDocSchema.parse(desired);
    const present = this.#desired;
    if (present !== undefined && offered.generation < present.generation)
      throw refusal(present.generation, offered.generation, 'it is older than the accepted one');
    if (present !== undefined && offered.generation === present.generation && digestOf(offered) !== digestOf(present)) {
      throw refusal(present.generation, offered.generation, 'it has other content under the accepted number');
    }
    if (present?.generation !== offered.generation) {
      await this.#disk.replace(this.#paths.desired, `${JSON.stringify(offered)}\n`);
      this.#desired = offered;
    }
    this.#hub = approvedDocSchema.parse(approved);
    this.#forgetFolded();
    await this.#saveApproved();
  }

  /** This node completed a change (or, with null, a removal), said so at `seq` of its control stream. */
  async completed(service: string, digest: string | null, log: string, seq: number): Promise<void> {
    if (this.#local.log !== log) this.#local = { log, services: {} };
    this.#local = { log, services: { ...this.#local.services, [service]: { digest, seq } } };
    await this.#saveApproved();
  }

  #folded(seq: number): boolean {
    return this.#hub !== null && this.#hub.log === this.#local.log && this.#hub.seq >= seq;
  }

  #forgetFolded(): void {
    const open = Object.entries(this.#local.services).filter(([, { seq }]) => !this.#folded(seq));
    this.#local = { log: this.#local.log, services: Object.fromEntries(open) };
  }

  #saveApproved(): Promise<void> {
    return this.#disk.replace(this.#paths.approved, `${JSON.stringify({ hub: this.#hub, local: this.#local })}\n`);
  }
}

function refusal(accepted: number, offered: number, reason: string): LabError {
  return new LabError('refused', `generation ${offered} is refused: ${reason} (${accepted})`, {
    at: `generation ${offered}`,
    hint: 'the hub raises its generation above the accepted one at the next hello',
    data: { accepted, offered, reason },
  });
}
