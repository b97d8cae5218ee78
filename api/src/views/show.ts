/** Everything about one node, service or action, and through which label it came. */
import {
  type EventView,
  LabError,
  parseServiceKey,
  type ServiceKey,
  type ServiceRow,
  type ShowView,
  type Trace,
} from '@lab/sdk';
import { actionView } from './actions.ts';
import type { ViewInput } from './input.ts';
import { nodeView } from './nodes.ts';
import type { BundleOf } from './plan.ts';
import { previewOf } from './preview.ts';
import { serviceView, serviceViews } from './services.ts';

export type EventsOf = (about: {
  readonly node?: string;
  readonly service?: string;
  readonly ids?: readonly string[];
}) => Promise<EventView[]>;

/** `name` is a node, `node/service`, an action's id, or `id@ulid`. */
export async function showView(
  input: ViewInput,
  name: string,
  bundleOf: BundleOf,
  eventsOf: EventsOf,
): Promise<ShowView> {
  const node = input.fleet.nodes.get(name);
  if (node !== undefined) {
    const services = serviceViews(input).filter((service) => service.node === name);
    return {
      kind: 'node',
      name,
      node: nodeView(input, node, services),
      services,
      through: [...node.through].map(traced),
      events: await eventsOf({ node: name }),
    };
  }
  const [id, ulid] = name.split('@');
  const action = input.actions.find((one) => one.id === id && (ulid === undefined || one.ulid === ulid));
  if (action !== undefined) {
    const desired = input.fleet.services.get(`${action.node}/${action.service ?? ''}`);
    return {
      kind: 'action',
      name,
      action: actionView(input, action),
      files: action.from === action.to ? [] : previewOf(await bundleOf(action.from), await bundleOf(action.to)),
      through: (desired?.through ?? []).filter(({ what }) => what.startsWith('policy.')).map(traced),
      events: await eventsOf({
        node: action.node,
        ...(action.service === null ? {} : { service: action.service }),
        ids: action.why.evidence,
      }),
    };
  }
  const key = parseServiceKey(name);
  const row = input.world.rows<ServiceRow>('health', 'service').get(name);
  const known =
    key !== undefined &&
    (input.fleet.services.has(name as ServiceKey) || (row !== undefined && row.state !== 'removed'));
  if (key === undefined || !known)
    throw new LabError('not_found', `there is no node, service or action ${name}`, {
      at: name,
      hint: 'see what there is: lab nodes, lab services, lab actions',
    });
  return {
    kind: 'service',
    name,
    service: serviceView(input, name as ServiceKey),
    through: (input.fleet.services.get(name as ServiceKey)?.through ?? []).map(traced),
    events: await eventsOf(key),
  };
}

function traced({ what, value, at, by }: Trace): Trace {
  return { what, value, at, by };
}
