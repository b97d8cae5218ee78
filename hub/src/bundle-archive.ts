/**
 * Bundles that the hub may still be asked for: those of the fleet in force, and those that were approved before it, kept in
 * `state/bundles/` for previews and for nodes that lost theirs.
 */
import { join } from 'node:path';
import type { Disk } from '@lab/kernel/disk/disk';
import { readJson } from '@lab/kernel/disk/json';
import { type ApprovedRow, type Bundle, bundleDigest, bundleSchema, type Fleet, type WorldView } from '@lab/sdk';

export class BundleArchive {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #onBad: (path: string, reason: string) => Promise<void>;
  readonly #kept = new Map<string, Bundle>();

  constructor(disk: Disk, dir: string, onBad: (path: string, reason: string) => Promise<void>) {
    this.#disk = disk;
    this.#dir = dir;
    this.#onBad = onBad;
  }

  /** Keeps what is in force, and forgets what nobody runs any more. */
  async keep(fleet: Fleet, world: WorldView): Promise<void> {
    const wanted = new Set(fleet.bundles.keys());
    for (const { digest } of world.rows<ApprovedRow>('control', 'approved').values()) wanted.add(digest);
    const present = new Set((await this.#disk.list(this.#dir)).map((name) => name.replace(/\.json$/, '')));
    for (const digest of present) {
      if (wanted.has(digest)) continue;
      await this.#disk.remove(this.#path(digest));
      this.#kept.delete(digest);
    }
    for (const [digest, bundle] of fleet.bundles) {
      // Read once a life while it can still be written anew: it is needed when the fleet has moved on.
      const sound = present.has(digest) && (await this.of(digest)) !== undefined;
      this.#kept.set(digest, bundle);
      if (!sound) await this.#disk.replace(this.#path(digest), JSON.stringify(bundle));
    }
    for (const digest of wanted) if (!this.#kept.has(digest)) await this.of(digest);
  }

  /** What is known without looking on disk. */
  at(digest: string): Bundle | undefined {
    return this.#kept.get(digest);
  }

  async of(digest: string | null): Promise<Bundle | undefined> {
    if (digest === null) return undefined;
    const known = this.#kept.get(digest);
    if (known !== undefined) return known;
    const stored = await readJson(this.#disk, this.#path(digest), bundleSchema, this.#onBad);
    if (stored === undefined) return undefined;
    if (bundleDigest(stored.files, stored.definition) !== digest) {
      await this.#onBad(this.#path(digest), 'it does not give the digest in its name');
      return undefined;
    }
    this.#kept.set(digest, stored);
    return stored;
  }

  #path(digest: string): string {
    return join(this.#dir, `${digest}.json`);
  }
}
