import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { holder, holdRoot } from './lock.ts';

const LOCK = 'daemon.lock';
let root: string;
let children: ChildProcess[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'lab-lock-'));
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  children = [];
  await rm(root, { recursive: true, force: true });
});

/** Takes the root in another process, says so, and keeps it until it is killed. */
async function another(): Promise<{ child: ChildProcess; said: string }> {
  const script = `
    const { holdRoot } = await import(${JSON.stringify(new URL('./lock.ts', import.meta.url).href)});
    await holdRoot(process.argv[1]).then(() => console.log('held'), (cause) => { console.log(cause.message); process.exit(5); });
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, root], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const [line] = await once(child.stdout, 'data');
  return { child, said: String(line).trim() };
}

async function left(): Promise<string[]> {
  return (await readdir(root)).filter((name) => name !== LOCK);
}

describe('the lock on a root', () => {
  it('is refused to a second daemon, with the pid that holds it, until it is released', async () => {
    const first = await holdRoot(root);
    expect(await holder(root)).toBe(process.pid);
    await expect(holdRoot(root)).rejects.toMatchObject({
      code: 'root_held',
      at: root,
      data: { pid: process.pid },
      message: `the daemon with pid ${process.pid} holds ${root}`,
    });
    await first.release();
    expect(await holder(root)).toBeUndefined();
    await (await holdRoot(root)).release();
    expect(await readdir(root)).toEqual([]);
  });

  it('makes the root where there is none', async () => {
    const deep = join(root, 'a', 'b');
    await (await holdRoot(deep)).release();
  });

  it('of another living process is kept, and is taken over once it was killed', async () => {
    const { child, said } = await another();
    expect(said).toBe('held');
    await expect(holdRoot(root)).rejects.toMatchObject({ data: { pid: child.pid } });
    child.kill('SIGKILL');
    await once(child, 'exit');
    const held = await holdRoot(root);
    expect(await holder(root)).toBe(process.pid);
    expect(await left()).toEqual([]);
    await held.release();
  });

  const own = async (change: (said: Record<string, unknown>) => void): Promise<string> => {
    const held = await holdRoot(root);
    const said = JSON.parse(await readFile(join(root, LOCK), 'utf8'));
    await held.release();
    change(said);
    return `${JSON.stringify(said)}\n`;
  };
  const stale: Record<string, () => Promise<string>> = {
    'a pid that another process has now': () => own((said) => Object.assign(said, { start: 1 })),
    'an earlier boot': () => own((said) => Object.assign(said, { boot: 'another' })),
    'a pid that is not there': () => own((said) => Object.assign(said, { pid: 2 ** 22 + 1, start: null })),
    'an empty file': async () => '',
    'binary garbage': async () => '\u0000\u0001{"pid":',
    'other JSON': async () => '[1]',
    'a path for a pid': async () => '{"pid":"../self"}',
  };
  for (const [what, content] of Object.entries(stale))
    it(`that has ${what} is taken over`, async () => {
      await writeFile(join(root, LOCK), await content());
      const held = await holdRoot(root);
      expect(await holder(root)).toBe(process.pid);
      expect(await left()).toEqual([]);
      await held.release();
    });

  it('is taken over past the claim of a taker that died, and past a folder in its place', async () => {
    await mkdir(join(root, LOCK));
    await writeFile(join(root, `${LOCK}.claim.${2 ** 22 + 1}.abc`), '');
    await holdRoot(root);
    expect(await left()).toEqual([]);
  });

  it('has one winner among many starters that find a stale one', async () => {
    for (let round = 0; round < 10; round++) {
      await writeFile(join(root, LOCK), 'stale');
      const tries = await Promise.allSettled(Array.from({ length: 8 }, () => holdRoot(root)));
      const winners = tries.filter((one) => one.status === 'fulfilled');
      expect(winners).toHaveLength(1);
      for (const one of tries) if (one.status === 'rejected') expect(one.reason.code).toBe('root_held');
      await winners[0]?.value.release();
    }
  });

  it('has one winner among several processes', async () => {
    await writeFile(join(root, LOCK), 'stale');
    const all = await Promise.all([another(), another(), another()]);
    const winner = all.filter(({ said }) => said === 'held');
    expect(winner).toHaveLength(1);
    const losers = all.filter(({ said }) => said !== 'held').map(({ said }) => said);
    expect(losers).toEqual(Array(2).fill(`the daemon with pid ${winner[0]?.child.pid} holds ${root}`));
  });
});
