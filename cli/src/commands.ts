/**
 * The table of commands: what each is called, what it takes, how it is used. Feeds parsing, help and completion; what a
 * command does is loaded only when it runs.
 */
import type { Grammar, Option, Positional } from './args.ts';
import type { Command } from './context.ts';

/** What a shell completes a positional with. */
export type Completes = 'action' | 'node' | 'service' | 'directory';

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
  { name: 'root', value: 'DIR', summary: 'the runtime root (LAB_ROOT)' },
  { name: 'repo', value: 'DIR', summary: "the fleet's directory (LAB_REPO)" },
  { name: 'url', value: 'URL', summary: 'the hub to talk to (LAB_URL)' },
  { name: 'help', short: 'h', summary: 'help, with examples' },
  { name: 'version', summary: 'the version' },
];

const WAIT: Option = { name: 'wait', summary: 'follow it until it ends; exit 1 if it fails' };
const YES: Option = { name: 'yes', short: 'y', summary: 'approve it as it is, seen or not' };
const NOTE: Option = { name: 'note', value: 'TEXT', summary: 'a note, kept with the approval' };

export const COMMANDS: readonly CommandRow[] = [
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
    positionals: [{ name: 'ACTION', completes: 'action' }],
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
    name: 'services',
    summary: 'every service: health, ports, digest',
    positionals: [{ name: 'TARGET', optional: true }],
    options: [],
    examples: [["lab services 'site=chelsty'", 'those of a target query']],
    load: () => import('./commands/services.ts'),
  },
];
