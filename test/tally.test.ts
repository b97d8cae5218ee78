import { describe, expect, it } from 'vitest';
import { packagesIn } from './debian-packages.ts';
import { tally } from './tally.ts';

function report(...files: { status?: string; tests: string[] }[]): string {
  return JSON.stringify({
    numTotalTests: 99,
    testResults: files.map(({ status = 'passed', tests }, file) => ({
      name: `/${file}.test.ts`,
      status,
      assertionResults: tests.map((state, n) => ({ fullName: `${file} ${n}`, status: state })),
    })),
  });
}

describe('the count of a run', () => {
  it('adds files up', () => {
    expect(tally(report({ tests: ['passed', 'passed'] }, { tests: ['passed'] }), 0, true)).toEqual({
      passed: 3,
      failed: 0,
      notes: [],
    });
    expect(tally(report({ status: 'failed', tests: ['passed', 'failed', 'failed'] }), 1, true)).toMatchObject({
      passed: 1,
      failed: 2,
    });
  });

  it('takes a skipped test for a failed one where nothing may be skipped, and names it anyway', () => {
    for (const state of ['skipped', 'pending', 'todo']) {
      const text = report({ tests: ['passed', state] });
      expect(tally(text, 0, false)).toEqual({ passed: 1, failed: 0, notes: ['skipped: 0 1'] });
      expect(tally(text, 0, true)).toEqual({ passed: 1, failed: 1, notes: ['skipped: 0 1'] });
    }
  });

  it('is a failure for a file that could not be loaded, a run that failed by itself, one without tests, one without a report', () => {
    expect(tally(report({ tests: ['passed'] }, { status: 'failed', tests: [] }), 1, false)).toMatchObject({
      passed: 1,
      failed: 1,
      notes: ['could not be run: /1.test.ts'],
    });
    expect(tally(report({ tests: ['passed'] }), 1, false)).toMatchObject({ passed: 1, failed: 1 });
    expect(tally(report({ tests: ['passed'] }), null, false)).toMatchObject({ passed: 1, failed: 1 });
    expect(tally(report(), 0, false)).toMatchObject({ passed: 0, failed: 1, notes: ['no test ran'] });
    for (const text of [undefined, '', '{"testResults":[', '{}'])
      expect(tally(text, 0, false)).toMatchObject({ passed: 0, failed: 1 });
  });
});

it('the list of packages has comments', () => {
  expect(packagesIn('# all\nmosquitto\n\n  openssh-server # sshd\n')).toEqual(['mosquitto', 'openssh-server']);
});
