/** How a failed system call becomes the error that the disk port promises. */
import { LabError, systemCode } from '@lab/sdk';

/** A call that finds nothing there gives `otherwise`. */
export async function absent<T, U>(call: Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await call;
  } catch (cause) {
    const code = systemCode(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR') return otherwise;
    throw cause;
  }
}

export function taken(path: string, cause?: unknown): LabError {
  return new LabError('conflict', `${path} is there already`, { at: path, cause });
}

/** Wraps what fails as `disk`, with the path and, where there is one, the next act. */
export async function attempt<T>(verb: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof LabError) throw cause;
    const code = systemCode(cause);
    const hint =
      code === 'ENOSPC' || code === 'EDQUOT'
        ? 'free some space: the disk is full'
        : code === 'EACCES' || code === 'EPERM'
          ? 'check who owns it: lab may not write there'
          : undefined;
    throw new LabError('disk', `cannot ${verb} ${path}: ${code ?? String(cause)}`, {
      at: path,
      cause,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}
