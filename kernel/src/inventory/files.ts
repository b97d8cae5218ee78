/** The files of a fleet, read and of the right form: what compile works on. No I/O here. */
import type { BundleFile } from '@lab/sdk/model/bundle';
import type { RuntimeKind } from '@lab/sdk/model/fleet';
import type { ServiceKey } from '@lab/sdk/model/name';
import type { Document } from './document.ts';
import type {
  AttachmentsFile,
  HostServices,
  IngressFile,
  LabFile,
  PolicyFile,
  ProfilesFile,
  ServiceFile,
  Topology,
} from './schema.ts';

export interface Parsed<T> {
  readonly document: Document;
  readonly value: T;
  /** False: something in it was wrong and is left out of `value`, so that what is not there may only be mistyped. */
  readonly whole: boolean;
}

export interface ServiceFolder {
  /** Everything in it but service.yaml, which holds descriptions and is rendered into the definition. */
  readonly files: readonly BundleFile[];
  readonly service: Parsed<ServiceFile> | undefined;
  readonly compose: Document | undefined;
  /** A file of it could not be read: it has been said, and nothing more is known. */
  readonly broken: boolean;
}

export interface Override {
  readonly file: BundleFile;
  readonly compose: Document | undefined;
}

export interface FleetFiles {
  readonly revision: string;
  readonly lab: Parsed<LabFile> | undefined;
  readonly topology: Parsed<Topology> | undefined;
  readonly policy: Parsed<PolicyFile> | undefined;
  readonly attachments: Parsed<AttachmentsFile> | undefined;
  readonly ingress: Parsed<IngressFile> | undefined;
  readonly profiles: Parsed<ProfilesFile> | undefined;
  /** By node; undefined where the file is there and could not be read. */
  readonly hosts: ReadonlyMap<string, Parsed<HostServices> | undefined>;
  readonly overrides: ReadonlyMap<ServiceKey, Override>;
  readonly folders: ReadonlyMap<string, ServiceFolder>;
}

export interface CompileOptions {
  /** Of every node that has an agent of ours: `lab up` runs them all on one machine. */
  readonly runtime?: RuntimeKind | undefined;
  /** NODE_ALIAS_MAP: a JSON object, old name to name of today. */
  readonly aliasMap?: string | undefined;
  /** What `provider` of a node may be, beside the providers named in lab.yaml. */
  readonly knownProviders?: readonly string[] | undefined;
}

export const COMPOSE_FILE = 'docker-compose.yml';
export const OVERRIDE_FILE = 'docker-compose.override.yml';
