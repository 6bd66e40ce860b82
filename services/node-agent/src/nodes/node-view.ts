import { nodeName } from '@virtmesh/base';
import { Node, NodeCondition } from '@virtmesh/contracts/node/v1/node';
import { featureNames, type Host } from '@virtmesh/driver-spi';
import type { EngineParts } from '../domains/engine.ts';
import type { Drivers } from '../domains/drivers.ts';
import type { NodeJournal } from '../journal.ts';

/** The host as this agent presents it. */
export class NodeView {
  readonly #parts: EngineParts;
  readonly #host: Pick<Host, 'info'>;
  readonly #journal: NodeJournal;
  readonly #agentVersion: string;
  readonly #startTime: Date;

  constructor(options: { parts: EngineParts; host: Pick<Host, 'info'>; journal: NodeJournal; agentVersion: string; startTime: Date }) {
    this.#parts = options.parts;
    this.#host = options.host;
    this.#journal = options.journal;
    this.#agentVersion = options.agentVersion;
    this.#startTime = options.startTime;
  }

  async read(): Promise<Node> {
    const { clock, drivers, node, registry, store } = this.#parts;
    return Node.fromPartial({
      ...(await this.#host.info.node()),
      name: nodeName(node),
      uid: store.nodeUid,
      revision: BigInt(this.#journal.last),
      agentVersion: this.#agentVersion,
      drivers: driverInfos(drivers),
      condition: NodeCondition.READY,
      lastContact: clock.now(),
      agentStartTime: this.#startTime,
      domainCount: registry.size,
      activeDomainCount: registry.activeCount,
      journalEpoch: this.#journal.epoch,
      journalNumber: BigInt(this.#journal.last),
    });
  }
}

function driverInfos(drivers: Drivers): Node['drivers'] {
  return drivers.list().map((slot) => {
    if ('why' in slot) return { type: slot.type, available: false, why: slot.why, version: '', accelerators: [], features: [] };
    const { driver } = slot;
    const features = featureNames.map((name) => {
      const verdict = driver.explain(undefined, name);
      return { name, available: verdict.supported, why: verdict.supported ? '' : verdict.why };
    });
    return {
      type: slot.type,
      available: true,
      why: '',
      version: driver.host.version,
      accelerators: [...(driver.host.accelerators ?? [])],
      features,
    };
  });
}
