import { expect, it } from 'vitest';
import plugin from './index.ts';

it('is a plugin that needs no configuration and refuses what it does not know', () => {
  expect(plugin).toMatchObject({ id: 'health.probe', sdk: 1, roles: ['edge'] });
  expect(plugin.config.safeParse({}).success).toBe(true);
  expect(plugin.config.safeParse({ pollms: 1 }).success).toBe(false);
});
