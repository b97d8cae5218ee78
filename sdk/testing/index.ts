/** What a plugin author tests with. */
export * from './fake-clock.ts';
export * from './kept-log.ts';
