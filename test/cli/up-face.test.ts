import { actionView, REDEPLOY, serviceView, status } from '@lab/api/testing/fixtures';
import { noStyle } from '@lab/cli/terminal/style';
import { UpFace } from '@lab/cli/up-face';
import type { StatusView } from '@lab/sdk';
import { FakeClock, settle } from '@lab/sdk/testing';
import { expect, it } from 'vitest';

function setup(errTerminal = false) {
  const clock = new FakeClock();
  const said = { out: '', err: '' };
  let now: StatusView | undefined;
  let readies = 0;
  const shown: string[] = [];
  const io = {
    errTerminal,
    out: (text: string) => {
      said.out += text;
    },
    err: (text: string) => {
      said.err += text;
    },
  };
  const face = new UpFace({
    io,
    style: noStyle,
    clock,
    url: 'http://127.0.0.1:18180',
    status: async () => now,
    shown: (action) => shown.push(action.id),
  });
  const stop = new AbortController();
  const running = face.run(stop.signal, () => {
    readies++;
  });
  const then = async (next: StatusView | undefined): Promise<string> => {
    said.err = '';
    now = next;
    await clock.advance(2_000);
    return said.err;
  };
  const end = async (): Promise<void> => {
    stop.abort();
    await settle();
    await running;
    expect(clock.waiting).toBe(0);
  };
  return { said, then, end, face, shown, readies: () => readies };
}

const unsettled = (...settling: string[]) => status({ settled: false, settling, pending: [] });
const calm = (over: Partial<StatusView> = {}) =>
  status({ pending: [], services: [serviceView('piha', 'agent-system')], ...over });

it('says how far it is, then ready once, then what waits and what to type', async () => {
  const { said, then, end, readies, shown } = setup();
  expect(await then(undefined)).toBe('starting\n');
  expect(await then(unsettled('piha has not spoken yet', 'x is starting'))).toBe(
    'piha has not spoken yet, and 1 more\n',
  );
  expect(await then(unsettled('x is starting'))).toBe('x is starting\n');
  expect(said.out).toBe('');
  const ready = await then(status({ pending: [REDEPLOY] }));
  expect(said.out).toBe('ready http://127.0.0.1:18180\n');
  expect(ready).toContain('lab approve redeploy-piha-agent-system\n');
  expect(await then(status({ pending: [REDEPLOY] }))).toBe('');
  expect(readies()).toBe(1);
  expect(shown).toEqual(['redeploy-piha-agent-system']);
  await end();
});

it('says at once what is not well, unless a proposal says it', async () => {
  const { then, end } = setup();
  const sick = serviceView('piha', 'agent-system', { health: 'missing' });
  expect(await then(calm({ services: [sick] }))).toBe('starting\n■ piha/agent-system is missing\n');
  await end();
  const asked = setup();
  expect(await asked.then(calm({ services: [sick], pending: [REDEPLOY] }))).not.toContain('■');
  await asked.end();
});

it('many proposals at once are some and a number', async () => {
  const { then, end, shown } = setup();
  const pending = Array.from({ length: 30 }, (_, n) =>
    actionView(`redeploy-piha-s${n}`, { ulid: `01KAG0000000000000000000${n + 10}` }),
  );
  const said = await then(calm({ pending }));
  expect(said.match(/lab approve/g)).toHaveLength(6);
  expect(said).toContain('  and 24 more: lab status\n  all of them: lab plan, then lab apply\n');
  expect(shown).toHaveLength(6);
  await end();
});

it('says once what keeps the hub from its work', async () => {
  const { then, end } = setup();
  await then(calm());
  const problems = [{ at: '/root/events', message: 'nothing is proposed for now', severity: 'warning' as const }];
  expect(await then(calm({ problems }))).toBe('▲ /root/events  warning: nothing is proposed for now\n');
  expect(await then(calm({ problems }))).toBe('');
  await end();
});

it('is quiet but for what is worth a line', async () => {
  const { then, end, face, said } = setup();
  await then(calm());
  expect(await then(calm())).toBe('');
  const sick = serviceView('piha', 'agent-system', {
    health: 'unhealthy',
    sources: {
      process: { health: 'unhealthy', cause: 'containers_not_running', since: REDEPLOY.createdAt, evidence: [] },
    },
  });
  expect(await then(calm({ services: [sick] }))).toBe('■ piha/agent-system is unhealthy (containers not running)\n');
  expect(await then(calm({ services: [sick] }))).toBe('');
  expect(await then(calm())).toBe('● piha/agent-system is healthy\n');
  const held = { ...sick, held: { by: 'ada', why: 'x', since: REDEPLOY.createdAt } };
  expect(await then(calm({ services: [held] }))).toBe('');
  const person = actionView('stop-piha-agent-system', { class: 'person', ulid: '01KAG0000000000000000000P9' });
  expect(await then(calm({ services: [held], pending: [person] }))).toBe('');
  expect(await then(calm({ services: [held], pending: [REDEPLOY] }))).toContain(
    'lab approve redeploy-piha-agent-system',
  );
  expect(await then(undefined)).toBe('');
  face.line('the daemon died (SIGKILL)');
  expect(said.err).toBe('· the daemon died (SIGKILL)\n');
  await end();
});

it('says that an edit is broken, once, and when the next is in force', async () => {
  const { then, end } = setup();
  await then(calm());
  const problems = [
    { at: 'hosts/piha/services.yaml:12:5', message: 'unknown exposure "lan"', severity: 'error' as const },
  ];
  expect(await then(calm({ problems }))).toBe(
    '■ 1 problem in the last edit; revision 9f31c2e stays in force\n  hosts/piha/services.yaml:12:5  unknown exposure "lan"\n',
  );
  expect(await then(calm({ problems }))).toBe('');
  expect(await then(calm({ revision: 'c03d7f012345' }))).toBe('● revision c03d7f0 is in force\n');
  await end();
});

it('on a terminal progress is one line that changes', async () => {
  const { then, end, said } = setup(true);
  await then(undefined);
  expect(await then(unsettled('x is starting'))).toBe('\rx is starting\u001b[K');
  await then(calm());
  expect(said.err).toBe('\r\u001b[K');
  await end();
});
