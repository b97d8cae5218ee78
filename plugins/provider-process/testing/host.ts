/** A daemon in small, for tests that kill it: runs one service on a root and says what it says, one JSON line each. */
import { FileStore, KeptLog, processSpec, RealClock, testRun } from '@lab/sdk/testing';
import { ProcessProvider } from '../src/provider.ts';

const [root = '', script = ''] = process.argv.slice(2);
const tell = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const provider = new ProcessProvider(
  { stableMs: 150, pollMs: 50, rotateBytes: 4_096, capBytes: 65_536, kept: 2 },
  {
    clock: new RealClock(),
    log: new KeptLog(),
    store: new FileStore(),
    emit: async (fact) => {
      tell(fact);
      return { id: 'host', seq: 1 };
    },
    place: { node: 'piha', root, stateDir: `${root}/state`, logsDir: `${root}/logs`, bootId: 'boot-1' },
  },
);
await provider.start(new AbortController().signal);
const spec = processSpec('web', { command: ['sh', '-c', script] }, { bundleDir: root, dataDir: root });
await provider.deploy(spec, testRun('r1'));
const [seen] = await provider.observe();
tell({ type: 'deployed', pid: seen?.pid, instance: seen?.instance });
