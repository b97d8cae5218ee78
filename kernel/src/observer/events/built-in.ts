/** The event types that every node and hub of this version knows. */
import type { EventType } from '@lab/sdk';
import { EventRegistry } from '../registry.ts';
import { ACTION_EVENTS } from './actions.ts';
import { CONTROL_EVENTS } from './control.ts';
import { HEALTH_EVENTS } from './health.ts';

/** With what plugins add. A type that is there already is refused. */
export function builtInEvents(added: readonly EventType[] = []): EventRegistry {
  return new EventRegistry([...CONTROL_EVENTS, ...ACTION_EVENTS, ...HEALTH_EVENTS, ...added]);
}
