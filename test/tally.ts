/**
 * What a run of the tests counts as. Reads vitest's JSON report.
 *
 * INVARIANTS: a run is never better than vitest's own exit; a file that could not be loaded is a failure, so is a run without a report, and
 * one without tests. Where nothing may be skipped (`strict`) a skipped test is a failed one.
 */
import { z } from 'zod';

const reportSchema = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })),
    }),
  ),
});

export interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** Why it failed where vitest itself may not have said so, and what was skipped. */
  readonly notes: readonly string[];
}

/** `report`: the text of the file, undefined where there is none. */
export function tally(report: string | undefined, exitCode: number | null, strict: boolean): Tally {
  const parsed = report === undefined ? undefined : reportSchema.safeParse(jsonOrUndefined(report));
  if (parsed?.data === undefined)
    return { passed: 0, failed: 1, notes: [`the test runner left no report (exit ${exitCode ?? 'by a signal'})`] };
  const notes: string[] = [];
  let passed = 0;
  let failed = 0;
  for (const file of parsed.data.testResults) {
    let failedHere = 0;
    for (const { fullName, status } of file.assertionResults) {
      if (status === 'passed') passed++;
      else if (status === 'failed') failedHere++;
      else {
        notes.push(`skipped: ${fullName}`);
        if (strict) failedHere++;
      }
    }
    if (failedHere === 0 && file.status === 'failed') {
      failedHere = 1;
      notes.push(`could not be run: ${file.name}`);
    }
    failed += failedHere;
  }
  if (failed === 0 && passed === 0) return { passed, failed: 1, notes: [...notes, 'no test ran'] };
  if (failed === 0 && exitCode !== 0)
    return {
      passed,
      failed: 1,
      notes: [...notes, `every test passed, the run did not (exit ${exitCode ?? 'by a signal'})`],
    };
  return { passed, failed, notes };
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
