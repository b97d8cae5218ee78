/** What a plugin author tests with. */
export * from './fake-clock.ts';
export * from './fake-context.ts';
export * from './fake-health-source.ts';
export * from './fake-provider.ts';
export * from './file-store.ts';
export * from './kept-facts.ts';
export * from './kept-log.ts';
export * from './real-clock.ts';
export * from './specs.ts';
