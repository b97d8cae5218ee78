import { LabError } from '@lab/sdk/errors';

/** The suite is run by the launcher, before Node is even chosen. */
export async function run(): Promise<number> {
  throw new LabError('usage', 'the suite is run by the launcher', { hint: './lab test, or ./lab test --servers' });
}
