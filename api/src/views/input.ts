/** What every view is computed from: nothing but this, so that a view can be tested without a hub. */
import type { Fleet, LinkView, ProblemView, StatedAction, WaitingView, Why, WorldView } from '@lab/sdk';

export interface ViewInput {
  readonly fleet: Fleet;
  /** When this revision came into force. */
  readonly fleetAt: number;
  readonly world: WorldView & { hash(): string };
  readonly links: (node: string) => LinkView;
  readonly generation: (node: string) => number;
  /** Open actions, and the newest ended ones. */
  readonly actions: readonly StatedAction[];
  readonly counts: Readonly<Record<string, number>>;
  /** The live why of an open action, where the last plan has one. */
  readonly why: (action: StatedAction) => Why | undefined;
  /** What the last plan left undone, with what it waits for. */
  readonly waiting: readonly WaitingView[];
  /** Ids of proposals that policy approves by itself. */
  readonly auto: ReadonlySet<string>;
  /** Something happened that no plan has looked at yet. */
  readonly busy: boolean;
  readonly problems: readonly ProblemView[];
  /** Whether a target query matches a node. */
  readonly matchesNode: (query: string, node: string) => boolean;
  readonly now: number;
}
