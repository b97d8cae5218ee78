import { HEALTH_ORDER, type Health, type ServiceRow, type SourceState } from '@lab/sdk';
import { describe, expect, it } from 'vitest';
import { healthOf } from './health.ts';

const says = (health: Health, instance: string | null = 'i2'): SourceState => ({
  health,
  instance,
  evidence: [],
  since: '',
  receivedAt: '',
});

const row = (sources: ServiceRow['sources'], state: ServiceRow['state'] = 'running'): ServiceRow => ({
  node: 'cabin',
  service: 'mosquitto',
  managed: true,
  digest: null,
  instance: 'i2',
  state,
  restarts: 0,
  ports: {},
  sources,
  log: 'log1',
  seq: 1,
});

describe('healthOf', () => {
  it('is the worst that any source says, for every pair', () => {
    for (const [one, a] of HEALTH_ORDER.entries()) {
      for (const [other, b] of HEALTH_ORDER.entries()) {
        expect(healthOf(row({ docker: says(a), mqtt: says(b) }))).toBe(HEALTH_ORDER[Math.max(one, other)]);
      }
    }
  });

  it('does not listen to what was said of an earlier instance', () => {
    expect(healthOf(row({ process: says('healthy'), mqtt: says('unhealthy', 'i1') }))).toBe('healthy');
    expect(healthOf(row({ process: says('healthy'), mqtt: says('unhealthy', null) }))).toBe('unhealthy');
  });

  it('is progressing where nobody has judged it', () => {
    expect(healthOf(row({}))).toBe('progressing');
  });

  it('is unhealthy once it exited and missing once it was removed, whatever was said before', () => {
    expect(healthOf(row({ process: says('healthy') }, 'exited'))).toBe('unhealthy');
    expect(healthOf(row({ process: says('unhealthy') }, 'removed'))).toBe('missing');
  });
});
