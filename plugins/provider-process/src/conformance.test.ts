import { providerConformance } from '@lab/sdk/testing/provider-conformance';
import { Bench, until } from '../testing/bench.ts';

providerConformance('provider.process', async () => {
  const bench = await Bench.make();
  return {
    provider: bench.provider(),
    facts: bench.facts,
    spec: (service, digest = 'd'.repeat(64)) =>
      bench.spec(
        service,
        { command: ['sh', '-c', 'echo hello; exec sleep 600'], ports: { http: 8080 }, stopTimeout: 5 },
        { digest },
      ),
    broken: (service) => bench.spec(service, { command: ['no-such-program'] }),
    kill: async (service) => {
      for (const pid of await bench.pids(service)) process.kill(pid, 'SIGKILL');
      await until(async () => (await bench.pids(service)).length === 0);
    },
    restartProvider: async () => bench.provider(),
    reboot: async () => {
      bench.provider();
      await bench.killAll();
      bench.bootId = 'boot-2';
      return bench.provider();
    },
    cleanup: () => bench.cleanup(),
  };
});
