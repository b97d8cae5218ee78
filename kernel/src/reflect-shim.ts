/**
 * tsyringe refuses to load without `Reflect.getMetadata`, which only its decorators use, and we use none. Imported before it.
 */
const reflect: { getMetadata?: unknown } = Reflect;
reflect.getMetadata ??= () => undefined;
