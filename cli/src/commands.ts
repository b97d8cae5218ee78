/**
 * The table of commands: what each is called, what it takes, how it is used. Feeds parsing, help and completion; what a
 * command does is loaded only when it runs.
 */
import type { Grammar, Option, Positional } from './args.ts';
import type { Command } from './context.ts';

/** What a shell completes a positional with. */
export type Completes = 'command' | 'action' | 'service' | 'thing' | 'directory';

export interface CommandRow extends Grammar {
  readonly summary: string;
  readonly positionals: readonly (Positional & { readonly completes?: Completes })[];
  readonly examples: readonly (readonly [command: string, what: string])[];
  /** More for its own help page. */
  readonly more?: string;
  load(): Promise<Command>;
}

export const GLOBALS: readonly Option[] = [
  { name: 'output', short: 'o', value: 'FORMAT', choices: ['table', 'json', 'yaml'], summary: 'table, json or yaml' },
  { name: 'no-color', summary: 'no colours (NO_COLOR does the same)' },
  { name: 'root', value: 'DIR', summary: 'the runtime root (LAB_ROOT); .lab in the fleet unless told' },
  { name: 'repo', value: 'DIR', summary: "the fleet's directory (LAB_REPO)" },
  { name: 'url', value: 'URL', summary: 'the hub to talk to (LAB_URL)' },
  { name: 'help', short: 'h', summary: 'help, with examples' },
  { name: 'version', summary: 'the version' },
];

const WAIT: Option = { name: 'wait', summary: 'follow it until it ends; exit 1 if it fails' };
const NO_WAIT: Option = { name: 'no-wait', summary: 'do not follow it to its end' };
const YES: Option = { name: 'yes', short: 'y', summary: 'approve what there is, seen or not' };
const NOTE: Option = { name: 'note', value: 'TEXT', summary: 'a note, kept with the approval' };
const REASON: Option = { name: 'reason', value: 'TEXT', summary: 'why, for the audit and for others' };
const FOLLOW: Option = { name: 'follow', short: 'f', summary: 'go on with what comes, until Ctrl-C' };
const TARGET = { name: 'TARGET', optional: true } as const;
const ACTION = { name: 'ACTION', completes: 'action' } as const;
const SERVICE = { name: 'NODE/SERVICE', completes: 'service' } as const;

const BEGIN: readonly CommandRow[] = [
  {
    name: 'up',
    summary: 'run the fleet on this machine, until Ctrl-C',
    positionals: [],
    options: [],
    examples: [
      ['./lab up', 'the example fleet'],
      ['LAB_REPO=~/fleet ./lab up', 'your own'],
    ],
    more:
      'Prints `ready` and the address once everything is settled, then what waits for you. What it writes goes to .lab in the\n' +
      "fleet's directory, or to LAB_ROOT. In another terminal `lab status` and the rest find it by themselves where one fleet is up.",
    load: () => import('./commands/up.ts'),
  },
  {
    name: 'new',
    summary: 'write a small fleet of your own',
    positionals: [{ name: 'DIR', completes: 'directory' }],
    options: [{ name: 'node', value: 'NAME', summary: 'what this machine is called in it (its host name)' }],
    examples: [['lab new ~/fleet', 'one node, one service, a policy that asks for everything']],
    load: () => import('./commands/new.ts'),
  },
  {
    name: 'validate',
    summary: 'check every file of the fleet; needs no hub',
    positionals: [],
    options: [],
    examples: [
      ['lab validate', 'each problem with its place and what is allowed there; exit 1 if there is one'],
      ['lab validate --repo ~/fleet', 'another fleet'],
    ],
    load: () => import('./commands/validate.ts'),
  },
];

const LOOK: readonly CommandRow[] = [
  {
    name: 'status',
    summary: 'what needs you, and how everything is',
    positionals: [],
    options: [],
    examples: [
      ['lab status', 'a sentence, the nodes, what is pending'],
      ['lab status -o json', 'all of it, for scripts'],
    ],
    load: () => import('./commands/status.ts'),
  },
  {
    name: 'show',
    summary: 'everything about a node, a service or an action, and through what it came',
    positionals: [{ name: 'NAME', completes: 'thing' }],
    options: [],
    examples: [
      ['lab show piha', 'a node: labels, policy, and the line of Git behind each'],
      ['lab show piha/agent-system', 'a service'],
      ['lab show redeploy-piha-agent-system', 'an action with its exact diff'],
    ],
    load: () => import('./commands/show.ts'),
  },
  {
    name: 'nodes',
    summary: 'every node by its four pillars',
    positionals: [TARGET],
    options: [],
    examples: [["lab nodes 'site=chelsty and link=lte'", 'those of a target query']],
    load: () => import('./commands/nodes.ts'),
  },
  {
    name: 'services',
    summary: 'every service: health, ports, digest',
    positionals: [TARGET],
    options: [],
    examples: [["lab services 'site=chelsty'", 'those of a target query']],
    load: () => import('./commands/services.ts'),
  },
  {
    name: 'targets',
    summary: 'what a target query stands for',
    positionals: [{ name: 'QUERY', many: true }],
    options: [],
    examples: [
      ["lab targets 'site=chelsty and role in (infra, ha)'", 'its nodes and services, and what of Git touches them'],
    ],
    load: () => import('./commands/targets.ts'),
  },
  {
    name: 'logs',
    summary: 'the log of a service',
    positionals: [SERVICE],
    options: [FOLLOW, { name: 'tail', short: 'n', value: 'LINES', summary: 'so many of the last lines (100)' }],
    examples: [['lab logs piha/agent-system -f', 'its last 100 lines and what follows']],
    load: () => import('./commands/logs.ts'),
  },
  {
    name: 'events',
    summary: 'what happened',
    positionals: [],
    options: [
      FOLLOW,
      { name: 'since', value: 'TIME', summary: 'an instant, or how long ago: 10m' },
      { name: 'node', value: 'NODE', summary: 'of this node only' },
      { name: 'service', value: 'SERVICE', summary: 'of services of this name only' },
      { name: 'type', value: 'TYPE', summary: 'of this type only' },
      { name: 'class', value: 'CLASS', choices: ['control', 'health', 'bulk'], summary: 'of this class only' },
      { name: 'limit', short: 'n', value: 'NUMBER', summary: 'the newest so many (50)' },
    ],
    examples: [
      ['lab events --since 10m --node piha', 'the last ten minutes of one node'],
      ['lab events -f -o json', 'as they come, one JSON object a line'],
    ],
    load: () => import('./commands/events.ts'),
  },
  {
    name: 'replay',
    summary: 'the world and the actions as they were',
    positionals: [],
    options: [{ name: 'until', value: 'TIME', summary: 'an instant, or how long ago: 10m' }],
    examples: [['lab replay --until 10m', 'ten minutes ago']],
    load: () => import('./commands/replay.ts'),
  },
  {
    name: 'plugins',
    summary: 'the plugins, and how they are',
    positionals: [],
    options: [],
    examples: [['lab plugins', 'states, restarts and reasons']],
    load: () => import('./commands/plugins.ts'),
  },
  {
    name: 'audit',
    summary: 'who did what; `verify` checks that the record is whole',
    positionals: [{ name: 'VERB', optional: true, choices: ['list', 'verify'] }],
    options: [{ name: 'limit', short: 'n', value: 'NUMBER', summary: 'the newest so many (50)' }],
    examples: [['lab audit verify', 'exit 1 if a line was changed, added or cut']],
    load: () => import('./commands/audit.ts'),
  },
  {
    name: 'doctor',
    summary: 'what is wrong with this machine or the hub, and every setting in force',
    positionals: [],
    options: [],
    examples: [['lab doctor', 'works without a hub as far as it can']],
    load: () => import('./commands/doctor.ts'),
  },
];

const DECIDE: readonly CommandRow[] = [
  {
    name: 'plan',
    summary: 'what would change, line by line, and what waits',
    positionals: [TARGET],
    options: [],
    examples: [
      ['lab plan', 'reads the fleet again first'],
      ["lab plan 'node:piha'", 'of one node'],
    ],
    load: () => import('./commands/plan.ts'),
  },
  {
    name: 'apply',
    summary: 'approve what lab plan has shown, and follow it',
    positionals: [TARGET],
    options: [
      YES,
      NOTE,
      { name: 'no-hold', summary: 'without the 5 s in which Ctrl-C undoes several at once' },
      NO_WAIT,
    ],
    examples: [
      ['lab plan && lab apply', 'what you see is what you approve'],
      ['lab apply --yes', 'whatever there is, from a script'],
    ],
    more: 'Exit code 6: something still waits for an approval or a window. 7: queued for a node out of reach.',
    load: () => import('./commands/apply.ts'),
  },
  {
    name: 'actions',
    summary: 'what was proposed, and what became of it',
    positionals: [],
    options: [
      {
        name: 'state',
        value: 'STATES',
        summary: 'only these: pending,approved,running,completed,failed,rejected,cancelled',
      },
      { name: 'all', short: 'a', summary: 'also those that ended' },
      { name: 'why', summary: 'each with its rule, its evidence and what it waits for' },
    ],
    examples: [
      ['lab actions --why', 'what is open, and why'],
      ['lab actions --state failed -o json', 'for scripts'],
    ],
    load: () => import('./commands/actions.ts'),
  },
  {
    name: 'approve',
    summary: 'approve one action as you last saw it',
    positionals: [ACTION],
    options: [
      { name: 'hash', value: 'HASH', summary: 'the hash of the change that you saw (7 digits are enough)' },
      YES,
      NOTE,
      { name: 'now', summary: 'do not wait for its window' },
      WAIT,
    ],
    examples: [
      ['lab approve redeploy-piha-agent-system', 'what lab status or lab plan has shown you'],
      ['lab approve redeploy-piha-agent-system --wait', 'and follow it to its end'],
      ['lab approve redeploy-piha-agent-system --hash 7c1e4ab', 'exactly this change, from a script'],
    ],
    load: () => import('./commands/approve.ts'),
  },
  {
    name: 'reject',
    summary: 'reject one action; it is not proposed again for a while',
    positionals: [ACTION],
    options: [REASON, { name: 'for', value: 'DURATION', summary: 'for how long (24h)' }],
    examples: [["lab reject redeploy-piha-agent-system --reason 'after the holidays' --for 7d", 'silent for a week']],
    load: async () => (await import('./commands/decide.ts')).reject,
  },
  {
    name: 'cancel',
    summary: 'cancel an action that has not ended',
    positionals: [ACTION],
    options: [REASON],
    examples: [["lab cancel redeploy-piha-agent-system --reason 'wrong branch'", 'also while it runs']],
    load: async () => (await import('./commands/decide.ts')).cancel,
  },
  {
    name: 'stop',
    summary: 'stop a service and hold it',
    positionals: [SERVICE],
    options: [REASON, NO_WAIT],
    examples: [["lab stop piha/agent-system --reason 'moving house'", 'it is no drift until lab start']],
    load: async () => (await import('./commands/person.ts')).stop,
  },
  {
    name: 'start',
    summary: 'start a service that is held',
    positionals: [SERVICE],
    options: [REASON, NO_WAIT],
    examples: [['lab start piha/agent-system', '']],
    load: async () => (await import('./commands/person.ts')).start,
  },
  {
    name: 'restart',
    summary: 'restart a service',
    positionals: [SERVICE],
    options: [REASON, NO_WAIT],
    examples: [['lab restart piha/agent-system', '']],
    load: async () => (await import('./commands/person.ts')).restart,
  },
  {
    name: 'maintenance',
    summary: 'keep the proposals of a target waiting: on, off, list',
    positionals: [
      { name: 'VERB', choices: ['on', 'off', 'list'], optional: true },
      { name: 'QUERY|ID', optional: true },
    ],
    options: [REASON, { name: 'for', value: 'DURATION', summary: 'for how long (1h)' }],
    examples: [
      ["lab maintenance on 'site=home' --for 2h --reason 'new switch'", ''],
      ['lab maintenance off m1', 'the id is in lab maintenance list'],
    ],
    load: () => import('./commands/maintenance.ts'),
  },
];

const REST: readonly CommandRow[] = [
  {
    name: 'test',
    summary: 'run the suite (through the launcher: ./lab test)',
    positionals: [],
    options: [{ name: 'servers', summary: 'install the Debian packages first; then nothing may be skipped' }],
    examples: [['./lab test', 'the whole suite']],
    load: () => import('./commands/test.ts'),
  },
  {
    name: 'help',
    summary: 'help on a command',
    positionals: [{ name: 'COMMAND', optional: true, completes: 'command' }],
    options: [],
    examples: [['lab help approve', '']],
    load: () => import('./commands/help.ts'),
  },
  {
    name: 'completion',
    summary: 'completion for bash, zsh or fish',
    positionals: [{ name: 'SHELL', choices: ['bash', 'zsh', 'fish'], optional: true }],
    options: [
      {
        name: 'names',
        value: 'KIND',
        choices: ['action', 'service', 'thing'],
        summary: 'the names there are, for those scripts',
      },
    ],
    examples: [['lab completion bash > /etc/bash_completion.d/lab', '']],
    load: () => import('./commands/completion.ts'),
  },
];

export const COMMANDS: readonly CommandRow[] = [...BEGIN, ...LOOK, ...DECIDE, ...REST];
