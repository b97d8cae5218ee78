/**
 * Whether a grant still means what it said: void when its service's from or to digest is no longer what it says here. The generation is
 * only a minimum.
 */
import type { Grant } from '@lab/sdk';
import type { Told } from './told.ts';

/** The reason why a grant is void, or undefined. */
export function grantCheck(told: Told): (grant: Grant) => string | undefined {
  return ({ change, generation }) => {
    if (told.generation < generation) return undefined;
    const { service, class: cls, from, to } = change;
    if (service === null) return undefined;
    const entry = told.entry(service);
    const approved = told.approved(service);
    if (cls === 'change') {
      if (from !== approved) return `${service} is at another approved digest now`;
      if (entry?.digest !== to) return `another digest of ${service} is desired now`;
    }
    if (cls === 'heal' && to !== null && approved !== null && to !== approved)
      return `another digest of ${service} is approved now`;
    if (cls === 'remove' && entry !== undefined) return `${service} is desired again`;
    if (cls === 'heal' && entry?.held === true) return `${service} is held`;
    return undefined;
  };
}
