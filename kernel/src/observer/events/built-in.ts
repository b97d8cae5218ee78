/** The event types that every node and hub of this version knows. */
import { EventRegistry } from '../registry.ts';
import { ACTION_EVENTS } from './actions.ts';
import { CONTROL_EVENTS } from './control.ts';
import { HEALTH_EVENTS } from './health.ts';

export function builtInEvents(): EventRegistry {
  return new EventRegistry([...CONTROL_EVENTS, ...ACTION_EVENTS, ...HEALTH_EVENTS]);
}
