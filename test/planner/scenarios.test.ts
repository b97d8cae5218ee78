/** Stories of one homelab, each with the planner's answer as prose in golden/. To accept a new wording: vitest run -u. */

import type { EffectivePolicy } from '@lab/sdk';
import { describe, expect, it } from 'vitest';
import { digest, type FleetSpec, type ServiceSpec } from './fleet-builder.ts';
import { Story } from './story.ts';

const cabin = (policy: Partial<EffectivePolicy>, services: Readonly<Record<string, ServiceSpec>>): FleetSpec => ({
  nodes: { cabin: { policy, services } },
});
const BOTH = { mosquitto: { wave: 0 }, zigbee2mqtt: { wave: 1 } };
const NIGHT = [{ cron: '0 22 * * *', for: '3h', zone: 'UTC' }];

async function golden(story: Story, name: string): Promise<void> {
  await expect(story.text).toMatchFileSnapshot(`./golden/${name}.txt`);
}

describe('stories', () => {
  it('a node joins, and is planned once it is known', async () => {
    const story = new Story('A node joins', cabin({ change: 'auto' }, BOTH));
    story
      .when('the hub starts; the cabin has never spoken')
      .when('the cabin says hello', () => story.joins('cabin'))
      .when('it is still sending what happened while it was away', () => {
        story.observes('cabin');
        story.catchesUp('cabin', false);
      })
      .when('everything it named is read', () => story.catchesUp('cabin', true))
      .after(1, 'both services are deployed and healthy', () => {
        story.carryOut('redeploy-cabin-mosquitto');
        story.carryOut('redeploy-cabin-zigbee2mqtt');
      })
      .after(1, 'the daemon there starts anew, and has not looked yet', () => story.joins('cabin', 2))
      .when('it has looked', () => story.observes('cabin', 2));
    await golden(story, 'a-node-joins');
  });

  it('a service dies and a person is asked', async () => {
    const story = new Story('A death, heal: ask', cabin({}, BOTH)).settled('cabin/mosquitto', 'cabin/zigbee2mqtt');
    story
      .when('mosquitto exits', () => story.dies('cabin', 'mosquitto'))
      .after(1, 'zigbee2mqtt loses its broker', () =>
        story.fails('cabin', 'zigbee2mqtt', 'mqtt', 'mqtt_unreachable', 'does not answer on MQTT'),
      )
      .after(1, 'its healthcheck fails too: a further cause', () =>
        story.fails('cabin', 'zigbee2mqtt', 'healthcheck', 'healthcheck_failed', 'connection refused'),
      )
      .after(1, 'anna approves the restart of mosquitto, and it is healthy', () =>
        story.carryOut('container-restart-cabin-mosquitto'),
      )
      .after(1, 'zigbee2mqtt finds it again by itself', () => story.recovers('cabin', 'zigbee2mqtt'));
    await golden(story, 'a-death-ask');
  });

  it('a service dies and policy heals it, until that is too often', async () => {
    const story = new Story(
      'Deaths, heal: auto',
      cabin({ heal: 'auto' }, { mosquitto: { restart: 'on-failure' } }),
    ).settled('cabin/mosquitto');
    for (const time of ['first', 'second', 'third', 'fourth']) {
      story.after(2, `mosquitto exits, the ${time} time`, () => story.dies('cabin', 'mosquitto', 'ended by SIGKILL'));
      story.after(1, 'it is carried out', () => story.carryOut('container-restart-cabin-mosquitto'));
    }
    story.after(61, 'an hour later it exits again', () => story.dies('cabin', 'mosquitto'));
    await golden(story, 'deaths-auto');
  });

  it('Git moves on, a person looks, Git moves again', async () => {
    const of = (v: string): FleetSpec => cabin({}, { zigbee2mqtt: { digest: v } });
    const story = new Story('A change', of('a1')).settled('cabin/zigbee2mqtt');
    story
      .when('Git says b2', () => story.git(of('b2')))
      .after(5, 'before anyone approves it, Git says c3', () => story.git(of('c3')))
      .after(5, 'Git is reverted', () => story.git(of('a1')))
      .after(5, 'Git says d4, and anna approves it', () => {
        story.git(of('d4'));
        story.carryOut('redeploy-cabin-zigbee2mqtt');
      })
      .after(5, 'somebody runs e5 there by hand', () =>
        story.world.set('health', 'service', 'cabin/zigbee2mqtt', {
          ...(story.world.rows<object>('health', 'service').get('cabin/zigbee2mqtt') ?? {}),
          digest: digest('e5'),
        }),
      );
    await golden(story, 'a-change');
  });

  it('heal and change are both due', async () => {
    const of = (v: string, policy: Partial<EffectivePolicy>): FleetSpec =>
      cabin(policy, { zigbee2mqtt: { digest: v } });
    const fix = new Story(
      'A broken service, and its fix in Git (heal: ask, change: auto)',
      of('a1', { change: 'auto' }),
    ).settled('cabin/zigbee2mqtt');
    fix
      .when('its healthcheck fails', () =>
        fix.fails('cabin', 'zigbee2mqtt', 'healthcheck', 'healthcheck_failed', 'no adapter'),
      )
      .after(5, 'the fix is committed', () => fix.git(of('b2', { change: 'auto' })))
      .after(1, 'it runs', () => fix.move('redeploy-cabin-zigbee2mqtt', 'running'));
    await golden(fix, 'fix-in-git');

    const policy: Partial<EffectivePolicy> = { heal: 'auto', change: 'ask' };
    const night = new Story(
      'A change waits for a person, and the service dies (heal: auto, change: ask)',
      of('a1', policy),
    ).settled('cabin/zigbee2mqtt');
    night
      .when('Git says b2', () => night.git(of('b2', policy)))
      .after(60, 'it dies', () => night.dies('cabin', 'zigbee2mqtt'))
      .after(1, 'the heal is carried out', () => night.carryOut('container-restart-cabin-zigbee2mqtt'));
    await golden(night, 'heal-before-change');
  });

  it('a service leaves Git, and then the last one', async () => {
    const story = new Story('Removals, remove: auto', cabin({ remove: 'auto' }, BOTH)).settled(
      'cabin/mosquitto',
      'cabin/zigbee2mqtt',
    );
    story.world.set('health', 'service', 'cabin/samba', {
      node: 'cabin',
      service: 'samba',
      managed: false,
      digest: null,
      instance: 's',
      state: 'running',
      restarts: 0,
      ports: {},
      sources: {},
      log: 'l',
      seq: 1,
    });
    story
      .when('samba runs there and was never ours')
      .when('zigbee2mqtt leaves Git', () => story.git(cabin({ remove: 'auto' }, { mosquitto: {} })))
      .after(1, 'it is removed', () => story.carryOut('remove-cabin-zigbee2mqtt'))
      .after(1, 'mosquitto leaves as well: nothing is left', () => story.git(cabin({ remove: 'auto' }, {})))
      .after(1, 'it comes back before anyone approved', () => story.git(cabin({ remove: 'auto' }, { mosquitto: {} })));
    await golden(story, 'removals');
  });

  it('a person holds a service', async () => {
    const story = new Story('A hold', cabin({ heal: 'auto', change: 'auto' }, BOTH)).settled(
      'cabin/mosquitto',
      'cabin/zigbee2mqtt',
    );
    story
      .when('anna stops zigbee2mqtt', () => {
        story.dies('cabin', 'zigbee2mqtt', 'ended by SIGTERM');
        story.world.set('control', 'hold', 'cabin/zigbee2mqtt', {
          by: 'anna',
          why: 'new coordinator',
          at: story.at,
          event: 'c7',
        });
      })
      .after(10, 'she starts it again', () => {
        story.world.rows('control', 'hold').delete('cabin/zigbee2mqtt');
        story.recovers('cabin', 'zigbee2mqtt');
      });
    await golden(story, 'a-hold');
  });

  it('a node falls silent with a proposal pending', async () => {
    const story = new Story('Silence', cabin({}, BOTH)).settled('cabin/mosquitto', 'cabin/zigbee2mqtt');
    story
      .when('mosquitto exits', () => story.dies('cabin', 'mosquitto'))
      .after(5, 'the cabin falls silent: what is pending stays', () => story.silent('cabin', true))
      .after(41, 'and still is')
      .after(1, 'it is back', () => story.silent('cabin', false));
    await golden(story, 'silence');
  });

  it('maintenance keeps proposals waiting', async () => {
    const story = new Story('Maintenance', cabin({ heal: 'auto' }, BOTH)).settled(
      'cabin/mosquitto',
      'cabin/zigbee2mqtt',
    );
    const pause = (id: string, query: string, until: string): void => {
      story.world.set('control', 'maintenance', id, {
        id,
        query,
        until,
        reason: 'solar panels',
        by: 'anna',
        at: story.at,
      });
    };
    story
      .when('the whole cabin is in maintenance', () => pause('m1', 'node:cabin', '2026-07-01T14:00:00.000Z'))
      .after(10, 'mosquitto exits', () => story.dies('cabin', 'mosquitto'))
      .after(111, 'it is over')
      .after(1, 'carried out', () => story.carryOut('container-restart-cabin-mosquitto'))
      .after(1, 'one service only, which dies', () => {
        pause('m2', 'service:zigbee2mqtt', '2026-07-01T15:00:00.000Z');
        story.dies('cabin', 'zigbee2mqtt');
        story.dies('cabin', 'mosquitto');
      });
    await golden(story, 'maintenance');
  });

  it('an action fails, and is tried again later and later', async () => {
    const story = new Story('Backoff', cabin({}, { mosquitto: {} })).settled('cabin/mosquitto');
    const id = 'container-restart-cabin-mosquitto';
    story
      .when('mosquitto exits', () => story.dies('cabin', 'mosquitto'))
      .when('its restart fails', () => story.fail(id, 'not healthy in 120 s'))
      .after(1, 'a minute later')
      .when('it fails again', () => story.fail(id, 'not healthy in 120 s'))
      .after(1, 'a minute is not enough now')
      .after(1, 'two are')
      .after(1, 'it comes back by itself', () => story.recovers('cabin', 'mosquitto'))
      .after(60, 'and exits again: the count begins anew', () => story.dies('cabin', 'mosquitto'));
    await golden(story, 'backoff');
  });

  it('a service flaps', async () => {
    const story = new Story('Flapping', cabin({}, { mosquitto: {} })).settled('cabin/mosquitto');
    for (let time = 1; time <= 3; time++) {
      story.after(3, `mosquitto exits (${time})`, () => story.dies('cabin', 'mosquitto'));
      story.after(1, 'and comes back', () => story.recovers('cabin', 'mosquitto'));
    }
    story.after(60, 'an hour later it is an ordinary death again', () => story.dies('cabin', 'mosquitto'));
    await golden(story, 'flapping');
  });

  it('a person rejects', async () => {
    const of = (v: string): FleetSpec => cabin({}, { zigbee2mqtt: { digest: v } });
    const story = new Story('A rejection', of('a1')).settled('cabin/zigbee2mqtt');
    story
      .when('Git says b2', () => story.git(of('b2')))
      .when('anna rejects it for two hours', () =>
        story.reject('redeploy-cabin-zigbee2mqtt', 'not before the weekend', 2),
      )
      .after(60, 'the service dies meanwhile: another matter', () => story.dies('cabin', 'zigbee2mqtt'))
      .after(1, 'and is restarted', () => story.carryOut('container-restart-cabin-zigbee2mqtt'))
      .after(60, 'the rejection has run out')
      .when('she rejects it again', () => story.reject('redeploy-cabin-zigbee2mqtt', 'still no', 24))
      .after(1, 'Git moves on to c3: that is another change', () => story.git(of('c3')))
      .when('rejected too', () => story.reject('redeploy-cabin-zigbee2mqtt', 'no', 24))
      .after(1, 'Git is reverted: over', () => story.git(of('a1')));
    await golden(story, 'a-rejection');
  });

  it('a change waits for its window, under auto and under ask; a heal does not', async () => {
    const of = (v: string, change: 'auto' | 'ask'): FleetSpec =>
      cabin({ change, windows: NIGHT }, { zigbee2mqtt: { digest: v } });
    for (const change of ['auto', 'ask'] as const) {
      const story = new Story(`Windows, change: ${change}`, of('a1', change)).settled('cabin/zigbee2mqtt');
      story
        .when('Git says b2', () => story.git(of('b2', change)))
        .after(60, 'the service dies', () => story.dies('cabin', 'zigbee2mqtt'))
        .after(1, 'and comes back', () => story.recovers('cabin', 'zigbee2mqtt'))
        .after(9 * 60, 'the window is open');
      await golden(story, `windows-${change}`);
    }
  });

  it('what cannot be planned, and what never is', async () => {
    const story = new Story('Nothing of ours to do', {
      nodes: {
        ha: { provider: 'ssh', services: { homeassistant: { monitor: false } } },
        hub: {
          policy: { change: 'never' },
          services: { 'control-plane': { observed: true }, quiet: { monitor: false }, npm: {} },
        },
        idle: {},
      },
    });
    story.joins('hub');
    story.observes('hub');
    story
      .when('the ssh plugin is not installed; policy says never; idle has nothing')
      .when('the disk of the hub runs full', () =>
        story.world.set('health', 'pressure', 'hub/disk', {
          node: 'hub',
          what: 'disk',
          level: 'high',
          usedPercent: 93.4,
          event: 'h9',
          at: story.at,
          receivedAt: story.at,
        }),
      )
      .after(10, 'anna cleans up herself', () =>
        story.world.set('health', 'pressure', 'hub/disk', {
          node: 'hub',
          what: 'disk',
          level: 'normal',
          usedPercent: 60,
          event: 'h10',
          at: story.at,
          receivedAt: story.at,
        }),
      );
    await golden(story, 'not-planned');
  });
});
