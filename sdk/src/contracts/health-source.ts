/** The contract of a health source: something that says how instances are. */
import type { Definition } from '../model/bundle.ts';
import type { ServiceSpec } from './service-provider.ts';

/** One life of one service, to be judged until it ends. */
export interface HealthSubject {
  readonly spec: ServiceSpec;
  readonly instance: string;
  readonly run?: string;
  readonly pid?: number;
}

/**
 * Life cycle: `setup` wires; `start` begins; `watch` and `unwatch` as instances come and go (watch of a new instance of the same
 * service replaces the old one); `stop` ends all. Facts go through EMIT with this source's name: `service_healthy` when it becomes
 * positive, a negative type when it stops being so, each once for a transition and with the instance it is about.
 */
export interface HealthSource {
  /** The name that its facts carry. */
  readonly source: string;
  /** Whether it will judge an instance of this definition. */
  covers(definition: Definition): boolean;
  start(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
  watch(subject: HealthSubject): void;
  unwatch(service: string): void;
}
