/**
 * Target queries over 100,000 resources beside the naive evaluator: for each query the count, and the first 100. Each figure
 * includes planning the query anew; no result is kept between them.
 */
import { matches } from '@lab/kernel/targeting/evaluate';
import { compileGroups } from '@lab/kernel/targeting/groups';
import { LabelIndex } from '@lab/kernel/targeting/index';
import { parseQuery, type Query } from '@lab/kernel/targeting/query';
import type { TargetResource } from '@lab/kernel/targeting/resource';
import { type BenchResult, interleave } from './result.ts';

const NODES = 10_000;
const SERVICES = 9;
const FIRST = 100;
const ROUNDS = 15;

const QUERIES: readonly (readonly [name: string, text: string])[] = [
  ['everything', '*'],
  ['one node', 'node:n5000'],
  ['one service everywhere', 'service:s3'],
  ['rare label', 'rack=r77'],
  ['absent label', 'has(nothing)'],
  ['common label', 'site=home'],
  ['half of them', 'env=prod'],
  ['negation', 'arch!=arm64'],
  ['all but one node', 'not node:n5000'],
  ['as in the documentation', 'site=chelsty and role in (infra, ha) and not group:maintenance'],
  ['common and rare', 'env=prod and rack=r77'],
  ['common and common', 'env=prod and arch=arm64 and link=lan'],
  ['nothing in common', 'parity=even and parity=odd'],
  ['alternatives', 'node:n17 or service:s3 or has(gpu)'],
  ['list', 'rack in (r1, r2, r3, r4, r5)'],
  ['nested', 'not (site=home or site=cabin), (env=prod or has(gpu)) and tier!=t2'],
  ['group', 'group:quiet'],
  ['group, written out', '(site=chelsty and rack!=r3 or link=lte) and not rack=r5'],
];

function fleet(): TargetResource[] {
  const all: TargetResource[] = [];
  const sites = ['home', 'chelsty', 'cabin', 'office', 'vps'];
  for (let n = 0; n < NODES; n++) {
    const node = `n${n}`;
    const labels: Record<string, string> = {
      site: sites[n % sites.length] ?? 'home',
      arch: n % 3 === 0 ? 'arm64' : 'x64',
      link: n % 7 === 0 ? 'lte' : 'lan',
      provider: 'edge',
      runtime: n % 2 === 0 ? 'process' : 'compose',
      env: n % 4 < 2 ? 'prod' : 'test',
      parity: n % 2 === 0 ? 'even' : 'odd',
      rack: `r${n % 500}`,
      ...(n % 50 === 0 ? { gpu: 'a4000' } : {}),
    };
    all.push({ kind: 'node', node, service: null, labels });
    for (let s = 0; s < SERVICES; s++) {
      const own = { role: ['infra', 'ha', 'ui'][s % 3] ?? 'ui', tier: `t${s % 4}` };
      all.push({ kind: 'service', node, service: `s${s}`, labels: { ...labels, ...own } });
    }
  }
  return all;
}

export async function targeting(): Promise<BenchResult[]> {
  const resources = fleet();
  const groups = compileGroups(
    new Map([
      ['maintenance', { match: 'rack in (r1, r4)' }],
      ['cabin', { match: 'site=chelsty', except: 'rack=r3' }],
      ['quiet', { groups: ['cabin'], match: 'link=lte', except: 'rack=r5' }],
    ]),
  );
  const index = new LabelIndex(resources, groups);
  const naiveCount = (query: Query): number => {
    let count = 0;
    for (const resource of resources) if (matches(query, resource, groups)) count++;
    return count;
  };
  const naiveFirst = (query: Query): number => {
    const found: TargetResource[] = [];
    for (const resource of resources) {
      if (!matches(query, resource, groups)) continue;
      found.push(resource);
      if (found.length === FIRST) break;
    }
    return found.length;
  };
  const results: BenchResult[] = [];
  for (const [name, text] of QUERIES) {
    const query = parseQuery(text);
    const asked = [
      [`count`, () => index.select(query).count, () => naiveCount(query)],
      [`first ${FIRST}`, () => index.select(query).first(FIRST).length, () => naiveFirst(query)],
    ] as const;
    for (const [what, ours, naive] of asked) {
      const found = ours();
      if (found !== naive()) throw new Error(`${text}: the index and the naive evaluator differ`);
      const medians = await interleave(
        ROUNDS,
        () => microseconds(ours),
        () => microseconds(naive),
      );
      results.push({
        name: `targets, ${what}: ${name}`,
        unit: 'µs',
        ...medians,
        ratio: medians.baseline / medians.ours,
        note: `${text} finds ${found} of ${resources.length}`,
      });
    }
  }
  return results;
}

/** For one run; of so many that the clock can tell. */
function microseconds(run: () => number): number {
  let runs = 0;
  const start = performance.now();
  let now = start;
  for (let batch = 1; now - start < 1; batch *= 2) {
    for (let n = 0; n < batch; n++) run();
    runs += batch;
    now = performance.now();
  }
  return ((now - start) * 1_000) / runs;
}
