/**
 * tsyringe refuses to load without `Reflect.getMetadata`, which only its decorators use, and we use none. Imported before it.
 */
if (!('getMetadata' in Reflect))
  Object.defineProperty(Reflect, 'getMetadata', { value: () => undefined, configurable: true, writable: true });
