/** Names a life of a service: 26 characters in the form of a ULID, so that names made later sort later. */
import { randomBytes } from 'node:crypto';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

export function instanceId(nowMs: number, random: (size: number) => Uint8Array = randomBytes): string {
  let time = '';
  for (let rest = Math.max(0, Math.floor(nowMs)), place = 0; place < 10; place++, rest = Math.floor(rest / 32))
    time = ALPHABET.charAt(rest % 32) + time;
  let tail = '';
  for (const byte of random(16)) tail += ALPHABET.charAt(byte % 32);
  return time + tail;
}
