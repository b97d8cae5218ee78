/**
 * The node's cache of bundles: `edge/bundles/<digest>/bundle.json` and its files under `files/`.
 *
 * INVARIANTS: `bundle.json` is written last, so a bundle that has one was complete; a bundle is only handed out if its content gives
 * the digest in its name; a file that was changed by hand is written again from `bundle.json`.
 */
import { join } from 'node:path';
import type { Disk } from '@lab/kernel/disk/disk';
import { readJson } from '@lab/kernel/disk/json';
import { type Bundle, bundleDigest, bundleSchema, LabError, sha256 } from '@lab/sdk';

export class Bundles {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #fetch: (digest: string) => Promise<Bundle>;
  readonly #onBad: (path: string, reason: string) => Promise<void>;
  readonly #known = new Map<string, Bundle>();

  constructor(
    disk: Disk,
    dir: string,
    fetch: (digest: string) => Promise<Bundle>,
    onBad: (path: string, reason: string) => Promise<void>,
  ) {
    this.#disk = disk;
    this.#dir = dir;
    this.#fetch = fetch;
    this.#onBad = onBad;
  }

  /** The bundle, its files complete on disk; fetched where it is not cached. */
  async ensure(digest: string): Promise<{ readonly bundle: Bundle; readonly filesDir: string }> {
    const cached = await this.cached(digest);
    if (cached !== undefined) return cached;
    const bundle = bundleSchema.parse(await this.#fetch(digest));
    verify(bundle, digest);
    await this.#writeFiles(bundle);
    await this.#disk.replace(join(this.#dir, digest, 'bundle.json'), JSON.stringify(bundle));
    this.#known.set(digest, bundle);
    return { bundle, filesDir: this.#filesDir(digest) };
  }

  /** Undefined where it is not here, whole and true to its digest. */
  async cached(digest: string): Promise<{ readonly bundle: Bundle; readonly filesDir: string } | undefined> {
    let bundle = this.#known.get(digest);
    if (bundle === undefined) {
      const path = join(this.#dir, digest, 'bundle.json');
      bundle = await readJson(this.#disk, path, bundleSchema, this.#onBad);
      if (bundle === undefined) return undefined;
      try {
        verify(bundle, digest);
      } catch (cause) {
        await this.#onBad(path, cause instanceof Error ? cause.message : String(cause));
        return undefined;
      }
    }
    await this.#writeFiles(bundle);
    this.#known.set(digest, bundle);
    return { bundle, filesDir: this.#filesDir(digest) };
  }

  /** Removes every bundle that `keep` does not name. Resolves with how many went. */
  async prune(keep: ReadonlySet<string>): Promise<number> {
    let removed = 0;
    for (const name of await this.#disk.list(this.#dir)) {
      if (keep.has(name)) continue;
      await this.#disk.remove(join(this.#dir, name));
      this.#known.delete(name);
      removed += 1;
    }
    return removed;
  }

  #filesDir(digest: string): string {
    return join(this.#dir, digest, 'files');
  }

  async #writeFiles(bundle: Bundle): Promise<void> {
    await this.#disk.makeDir(this.#filesDir(bundle.digest));
    for (const file of bundle.files) {
      const path = join(this.#filesDir(bundle.digest), file.path);
      const present = await this.#disk.read(path).catch(() => undefined);
      if (present !== undefined && sha256(present) === file.sha256) continue;
      await this.#disk.replace(path, Buffer.from(file.content, 'base64'), { mode: file.mode });
    }
  }
}

function verify(bundle: Bundle, digest: string): void {
  for (const file of bundle.files) {
    if (sha256(Buffer.from(file.content, 'base64')) !== file.sha256)
      throw new LabError('corrupt', `${file.path} of bundle ${digest} is not what its hash says`, {
        at: file.path,
        hint: 'it will be fetched again',
      });
  }
  if (bundle.digest !== digest || bundleDigest(bundle.files, bundle.definition) !== digest) {
    throw new LabError('corrupt', `bundle ${digest} does not give its own digest`, {
      at: digest,
      hint: 'it will be fetched again',
    });
  }
}
