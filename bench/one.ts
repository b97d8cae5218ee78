/** The process of one bench: `node bench/one.ts NAME [--quick]`, started by main.ts, which it sends the results to. */
import { BENCHES } from './benches.ts';

const [name = '', ...flags] = process.argv.slice(2);
const load = BENCHES[name];
if (load === undefined) throw new Error(`there is no bench ${name}`);
const run = await load();
process.send?.(await run({ quick: flags.includes('--quick') }));
process.disconnect?.();
