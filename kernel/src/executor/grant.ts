/** The grant that an approval leads to: single use, expiring, bound to the node, the proposal and its planHash. */
import { type Fleet, type Grant, LabError, type Settings, type StatedAction, serviceKey } from '@lab/sdk';

/** Verbs that make nothing new; every other may have to fetch and build. */
const TIMEOUTS: Readonly<Record<string, keyof Settings['timeoutMs']>> = {
  container_restart: 'restart',
  service_restart: 'restart',
  service_stop: 'restart',
  disk_cleanup: 'cleanup',
};

export function makeGrant(
  action: StatedAction,
  generation: number,
  fleet: Pick<Fleet, 'services' | 'settings'>,
): Grant {
  const { id, ulid, node, service, planHash, approval } = action;
  if (approval === undefined) throw new LabError('internal', `${id} was never approved`, { at: id });
  const desired = service === null ? undefined : fleet.services.get(serviceKey(node, service));
  const { type, resource, class: cls, from, to, parameters, risk, why } = action;
  return {
    ulid,
    node,
    planHash,
    generation,
    ...(approval.notBefore === undefined ? {} : { notBefore: approval.notBefore }),
    expiresAt: approval.expiresAt,
    change: { id, type, resource, node, service, class: cls, from, to, parameters, risk, why },
    timeoutMs: fleet.settings.timeoutMs[TIMEOUTS[type] ?? 'redeploy'],
    verifyMs: desired?.verifyMs ?? fleet.settings.verifyMs,
    by: approval.by,
  };
}
