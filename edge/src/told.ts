/**
 * What this node was told: its desired state and the approved digests, on disk, so that it can work without a hub.
 *
 * INVARIANTS: a generation older than the accepted one is refused, and so is another content under the same number. What this node
 * itself saw confirmed wins over what the hub says until the hub has folded that far.
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
  type VerifiedRow,
} from '@lab/sdk';

export interface ToldPorts {
  readonly disk: Disk;
  readonly desired: string;
  readonly approved: string;
  /** The name of the node's present log. */
  readonly log: () => string;
  /** What the node's own fold knows of the last confirmed change of a service. */
  readonly verified: (service: string) => VerifiedRow | undefined;
  /** A file that cannot be read is set aside and counts as absent: the hub tells it again. */
  readonly onBad: (path: string, reason: string) => Promise<void>;
}

export class Told {
  readonly #ports: ToldPorts;
  #desired: DesiredDoc | undefined;
  #approved: ApprovedDoc | undefined;

  private constructor(ports: ToldPorts, desired: DesiredDoc | undefined, approved: ApprovedDoc | undefined) {
    this.#ports = ports;
    this.#desired = desired;
    this.#approved = approved;
  }

  static async open(ports: ToldPorts): Promise<Told> {
    const desired = await readJson(ports.disk, ports.desired, desiredDocSchema, ports.onBad);
    const approved = await readJson(ports.disk, ports.approved, approvedDocSchema, ports.onBad);
    return new Told(ports, desired, approved);
  }

  /** What the hub calls this node; its own name is another where it was renamed. */
  get node(): string | undefined {
    return this.#desired?.node;
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

  /** The approved digest of a service here, or null. */
  approved(service: string): string | null {
    const own = this.#ports.verified(service);
    if (own !== undefined && !this.#folded(own)) return own.digest;
    return this.#approved?.approved[service] ?? null;
  }

  /** Of what the hub said; compared with the hub's, so the node's own knowledge is not in it. */
  approvedHash(): string {
    return digestOf(this.#approved?.approved ?? {});
  }

  /** Rejects with `refused` where the document may not be accepted. */
  async accept(desired: DesiredDoc, approved: ApprovedDoc): Promise<void> {
    const offered = desiredDocSchema.parse(desired);
    const present = this.#desired;
    if (present !== undefined && offered.generation < present.generation) {
      throw refusal(present.generation, offered.generation, 'it is older than the accepted one');
    }
    if (present !== undefined && offered.generation === present.generation && digestOf(offered) !== digestOf(present)) {
      throw refusal(present.generation, offered.generation, 'it has other content under the accepted number');
    }
    const { disk, desired: desiredPath, approved: approvedPath } = this.#ports;
    if (present?.generation !== offered.generation) {
      await disk.replace(desiredPath, `${JSON.stringify(offered)}\n`);
      this.#desired = offered;
    }
    const next = approvedDocSchema.parse(approved);
    await disk.replace(approvedPath, `${JSON.stringify(next)}\n`);
    this.#approved = next;
  }

  #folded(own: VerifiedRow): boolean {
    if (this.#approved?.log === own.log) return this.#approved.seq >= own.seq;
    return own.log !== this.#ports.log();
  }
}

function refusal(accepted: number, offered: number, reason: string): LabError {
  return new LabError('refused', `generation ${offered} is refused: ${reason} (${accepted})`, {
    at: `generation ${offered}`,
    hint: 'the hub raises its generation above the accepted one at the next hello',
    data: { accepted, offered, reason },
  });
}
