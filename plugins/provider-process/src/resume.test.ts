/** What a record means to the next daemon where the last one was killed while it stopped the service. */
import { expect, it } from 'vitest';
import type { ServiceRecord } from './records.ts';
import { resumption } from './resume.ts';

const RECORD: ServiceRecord = {
  v: 1,
  service: 'web',
  instance: 'one',
  run: 'r',
  digest: 'd',
  bootId: 'boot',
  phase: 'halting',
  made: true,
  announced: true,
  restarts: 0,
  pid: 7,
  startTicks: 70,
  spec: null,
  previous: null,
};
const present = (alive: boolean, bootId = 'boot') => ({ bootId, marked: [], lives: () => alive });

it('what it ended is to be kept, and is no fault', () => {
  expect(resumption(RECORD, present(false))).toEqual({ is: 'interrupted' });
  expect(resumption(RECORD, present(true, 'another boot'))).toEqual({ is: 'interrupted' });
});

it('what it had not ended yet is adopted', () => {
  expect(resumption(RECORD, present(true))).toEqual({
    is: 'living',
    record: { ...RECORD, phase: 'running' },
    pid: 7,
    startTicks: 70,
  });
});
