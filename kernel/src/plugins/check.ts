/**
 * Everything that is wrong with a set of plugins and their configuration, found at once, before any of them runs.
 * It decides which are for this role, and which have nothing to do because nobody configured them.
 */
import { type Plugin, type Role, SDK_VERSION, type Token } from '@lab/sdk';
import { nearest } from '../targeting/nearest.ts';

export interface PluginProblem {
  readonly plugin: string;
  /** Below `plugins` in lab.yaml, the id first. */
  readonly path: readonly (string | number)[];
  readonly message: string;
}

export interface Accepted {
  readonly plugin: Plugin;
  /** Parsed, with defaults. */
  readonly config: unknown;
  /** Present: it is not run. */
  readonly disabled?: string;
}

export interface Checked {
  readonly accepted: readonly Accepted[];
  readonly problems: readonly PluginProblem[];
}

/** `provides` says whether a plugin can have a token; absent, needs are not looked at (`lab validate` has no daemon). */
export function checkPlugins(
  plugins: readonly Plugin[],
  role: Role,
  configs: ReadonlyMap<string, unknown>,
  provides?: (plugin: Plugin, token: Token<unknown>) => boolean,
): Checked {
  const problems: PluginProblem[] = [];
  const accepted: Accepted[] = [];
  const say = (plugin: string, message: string, path: readonly (string | number)[] = [plugin]): void =>
    void problems.push({ plugin, path, message });

  const ids = new Set(plugins.map((plugin) => plugin.id));
  for (const id of configs.keys()) {
    if (ids.has(id)) continue;
    const near = nearest(id, ids);
    say(id, `unknown plugin "${id}"${near === undefined ? '' : `, did you mean ${near}?`}`);
  }

  const seen = new Set<string>();
  for (const plugin of plugins) {
    const { id } = plugin;
    if (seen.has(id)) say(id, `two plugins have the id ${id}`);
    if (seen.has(id)) continue;
    seen.add(id);
    if (plugin.sdk !== SDK_VERSION) say(id, `made for version ${plugin.sdk} of the SDK, this is ${SDK_VERSION}`);
    if (!id.startsWith(`${plugin.kind}.`))
      say(id, `a plugin of kind ${plugin.kind} has an id like ${plugin.kind}.name`);
    if (!plugin.roles.includes(role)) continue;

    const parsed = plugin.config.safeParse(configs.get(id) ?? {});
    if (!parsed.success && configs.has(id))
      for (const issue of parsed.error.issues) say(id, issue.message, [id, ...issue.path.map(step)]);
    const lacks = provides && Object.values(plugin.needs).filter((token) => !provides(plugin, token));
    if (lacks !== undefined && lacks.length > 0)
      say(id, `needs ${lacks.map((token) => token.id).join(', ')}, which nothing provides for role ${role}`);
    accepted.push(
      parsed.success
        ? { plugin, config: parsed.data }
        : { plugin, config: undefined, disabled: `not configured: plugins.${id} in lab.yaml` },
    );
  }
  return { accepted, problems };
}

function step(part: PropertyKey): string | number {
  return typeof part === 'number' ? part : String(part);
}
