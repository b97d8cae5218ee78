/** Whether each service that is to run has what its runtime needs in services/<service>/. */
import type { ServiceKey } from '@lab/sdk/model/name';
import type { FleetFiles, ServiceFolder } from './files.ts';
import { COMPOSE_FILE, OVERRIDE_FILE } from './files.ts';
import { meant, type Problems, quoted } from './problem.ts';
import { declaration, type ServiceDraft } from './services.ts';

export function checkFolders(
  files: FleetFiles,
  drafts: ReadonlyMap<ServiceKey, ServiceDraft>,
  problems: Problems,
): void {
  for (const draft of drafts.values()) {
    const folder = files.folders.get(draft.name);
    if (folder === undefined) {
      if (draft.entry.observed === true) continue;
      const text = `there is no folder services/${draft.name}/${meant(draft.name, files.folders.keys())}`;
      problems.error(
        declaration(draft),
        text,
        'every service that is deployed has one; observed: true where lab only watches',
      );
    } else if (!folder.broken && draft.entry.observed !== true) checkRuntime(draft, folder, problems);
  }
  for (const [key, { file }] of files.overrides) {
    if (drafts.has(key)) continue;
    const [node, service] = key.split('/');
    const place = { file: `hosts/${node}/runtime/${service}/${OVERRIDE_FILE}`, line: 1, column: 1 };
    if (file !== undefined) problems.warning(place, `${key} is in no services.yaml: this override has no effect`);
  }
  for (const [name, { service }] of files.folders) {
    const process = service?.value.process;
    const ports = Object.keys(process?.ports ?? {});
    for (const way of ['http', 'tcp'] as const) {
      const port = process?.healthcheck?.[way]?.port;
      if (service !== undefined && port !== undefined && !ports.includes(port)) {
        const place = service.document.place(['process', 'healthcheck', way, 'port']);
        problems.unknown(place, `port of ${quoted(name)}`, port, ports);
      }
    }
  }
}

function checkRuntime(draft: ServiceDraft, folder: ServiceFolder, problems: Problems): void {
  const { node, name } = draft;
  if (node.entry.runtime === 'compose') {
    if (folder.compose === undefined && !folder.files.some(({ path }) => path === COMPOSE_FILE)) {
      problems.error(
        declaration(draft),
        `services/${name}/ has no ${COMPOSE_FILE}`,
        `the runtime of ${node.name} is compose`,
      );
    }
    return;
  }
  if (folder.service === undefined) {
    problems.error(
      declaration(draft),
      `services/${name}/ has no service.yaml`,
      `the runtime of ${node.name} is process`,
    );
  } else if (folder.service.value.process === undefined) {
    const place = folder.service.document.top();
    problems.error(place, `${name} has no process definition, and the runtime of ${node.name} is process`);
  }
}
