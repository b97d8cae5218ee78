/** The token that the API asks for until there are accounts: random, in a file that only its owner reads. */
import { randomBytes } from 'node:crypto';
import type { Disk } from '@lab/kernel/disk/disk';

const FORM = /^[A-Za-z0-9_-]{32,}$/;

/** Made at the first start; one that was spoilt is made anew. */
export async function apiToken(disk: Disk, path: string): Promise<string> {
  const bytes = await disk.read(path, 4_096).catch(() => undefined);
  const text = bytes === undefined ? '' : Buffer.from(bytes).toString('utf8').trim();
  if (FORM.test(text)) return text;
  const token = randomBytes(32).toString('base64url');
  await disk.replace(path, `${token}\n`, { mode: 0o600 });
  return token;
}
