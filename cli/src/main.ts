/** `lab`: the process around the command line. What is imported here is paid for by every command: keep it lean. */
import { run } from './run.ts';
import { processIo } from './terminal/process-io.ts';

// A reader that has seen enough (`| head`) ends us without a word.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

process.exitCode = await run(process.argv.slice(2), processIo());
