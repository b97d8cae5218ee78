/** The disk of this machine. */
import { NodeCalls } from './node-calls.ts';
import { SequencedDisk } from './sequenced-disk.ts';

export class NodeDisk extends SequencedDisk {
  constructor() {
    super(new NodeCalls());
  }
}
