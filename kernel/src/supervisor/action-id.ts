/** Ids of actions: deterministic, so that the same drift always yields the same file. The compiler refuses a fleet in which two meet. */

export function actionId(type: string, node: string, service: string | null): string {
  const verb = type.replaceAll('_', '-');
  return service === null ? `${verb}-${node}` : `${verb}-${node}-${service}`;
}
