/** What the daemon's process runs. */
import { runDaemon } from './run.ts';

await runDaemon();
