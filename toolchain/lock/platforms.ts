/**
 * Adds to a lockfile the optional packages of other platforms that the registry at hand did not serve, so that `npm ci` takes the
 * lockfile everywhere: node toolchain/lock/platforms.ts package-lock.json. Run it after `npm install`.
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface Package {
  readonly version?: string;
  readonly dev?: boolean;
  readonly license?: string;
  readonly engines?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly [member: string]: unknown;
}

const PLATFORM = /(android|darwin|linux|win32|freebsd|openharmony)/;
const PROCESSOR = /(arm64|x64|arm|ia32|s390x|ppc64|riscv64)/;

const [file = 'package-lock.json'] = process.argv.slice(2);
const lock = JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, Package> };
for (const [path, owner] of Object.entries({ ...lock.packages })) {
  for (const [name, version] of Object.entries(owner.optionalDependencies ?? {})) {
    const place = `node_modules/${name}`;
    if (lock.packages[place] === undefined && lock.packages[`${path}/${place}`] === undefined)
      lock.packages[place] = missing(name, version, owner);
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);

function missing(name: string, version: string, owner: Package): Package {
  const os = PLATFORM.exec(name)?.[1];
  const cpu = PROCESSOR.exec(name)?.[1];
  return {
    version,
    ...(cpu === undefined ? {} : { cpu: [cpu] }),
    ...(owner.dev === true ? { dev: true } : {}),
    ...(os === 'linux' ? { libc: [name.endsWith('-musl') ? 'musl' : 'glibc'] } : {}),
    ...(owner.license === undefined ? {} : { license: owner.license }),
    optional: true,
    ...(os === undefined ? {} : { os: [os] }),
    ...(owner.engines === undefined ? {} : { engines: owner.engines }),
  };
}
