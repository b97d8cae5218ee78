/**
 * Who may come in. Until accounts exist: a loopback name in Host (a page elsewhere that rebinds its DNS name to 127.0.0.1
 * sends its own), no Origin (no page at all), and the token, compared in constant time.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { LabError } from '@lab/sdk';
import type { Role } from './route.ts';

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

export class Guard {
  readonly #expected: Buffer;

  constructor(token: string) {
    if (token.length < 16) {
      throw new LabError('invalid', 'the token is shorter than 16 characters', { hint: 'make it of 32 random bytes' });
    }
    this.#expected = digest(token);
  }

  /** Throws where the request may not come in at all, whatever it asks for. */
  place(host: string, origin: string | undefined): void {
    if (!LOOPBACK.test(host)) {
      throw new LabError(
        'not_allowed',
        `this answers on loopback names only, not ${JSON.stringify(host.slice(0, 80))}`,
        {
          at: 'Host',
          hint: 'use http://127.0.0.1 with its port',
        },
      );
    }
    if (origin !== undefined) {
      throw new LabError('not_allowed', 'requests from web pages are refused', {
        at: 'Origin',
        hint: 'use lab, or a client that sends no Origin',
      });
    }
  }

  /** Throws `unauthenticated` unless the role is open or the token is the one. */
  role(role: Role, authorization: string | undefined): void {
    if (role === 'open') return;
    const [, given = ''] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? [];
    if (!timingSafeEqual(digest(given), this.#expected)) {
      throw new LabError(
        'unauthenticated',
        given === '' ? 'no token came with the request' : 'the token is not the one of this hub',
        {
          at: 'Authorization',
          hint: 'send Authorization: Bearer with what is in state/secure/token of the root (LAB_TOKEN for lab)',
        },
      );
    }
  }
}

/** Of one length whatever came, so that the comparison says nothing about the length either. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
