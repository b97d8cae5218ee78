/** `./lab status` on a fleet that runs, beside starting bare Node. Wall time of the whole process, the launcher's shell included. */
import { Machine } from '../test/e2e/machine.ts';
import { LAUNCHER, personEnv, up, wall } from './launcher.ts';
import { type Asked, type BenchResult, cost, interleave } from './result.ts';

const ROUNDS = 41;

export async function status({ quick }: Asked): Promise<BenchResult[]> {
  const machine = await Machine.make();
  try {
    const env = personEnv(machine);
    const running = await up(LAUNCHER, env);
    const medians = await interleave(
      quick ? 7 : ROUNDS,
      () => wall(LAUNCHER, ['status'], env),
      () => wall(process.execPath, ['-e', '0'], env),
    );
    await running.stop();
    return [
      cost('lab status', 'ms', medians, {
        bar: { of: 'ratio', most: 3 },
        note: 'through ./lab, the example fleet running; beside node -e 0',
      }),
    ];
  } finally {
    await machine.cleanup();
  }
}
