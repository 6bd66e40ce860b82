import { join } from 'node:path';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { runCommand } from '@virtmesh/tools/run-command';
import { fileDisk, idleMachine, mebibyte } from '../support/domain-specs.ts';
import { makeDisk } from '../support/guest-image.ts';
import { TestSystem } from '../support/system.ts';
import { TestClient } from '../support/test-client.ts';

const once = { retry: { attempts: 1, initialMs: 1, maxMs: 1 } };

/** A system in which the agent dies over and over, on one store. */
export class Lane implements AsyncDisposable {
  readonly system: TestSystem;
  readonly disk: string;
  readonly bridge: string;
  #client: TestClient | undefined;
  #count = 0;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(system: TestSystem, bridge: string) {
    this.system = system;
    this.bridge = bridge;
    this.disk = join(system.disks, 'disk.raw');
  }

  static async open(bridge: string): Promise<Lane> {
    const lane = new Lane(await TestSystem.start({ fleet: true }), bridge);
    await runCommand(['ip', 'link', 'add', bridge, 'type', 'bridge']);
    await makeDisk(lane.disk, mebibyte, 'raw');
    // A life that ends by itself leaves its compiled sources to those that are killed.
    await lane.system.agent.kill('SIGTERM');
    await lane.start();
    return lane;
  }

  /** Starts the agent, which had died. */
  async start(): Promise<void> {
    await this.system.agent.start();
    if (this.#client) this.system.close(this.#client.connection);
    this.#client = new TestClient(await this.system.connect('agent', 'full', once), this.system.node);
  }

  /** A client of the present life of the agent, which repeats no call by itself. */
  get client(): TestClient {
    if (!this.#client) throw new Error('the agent was not started');
    return this.#client;
  }

  /** Scenarios of one lane run one after the other. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** A domain whose start takes something of each kind: a disk, a tap, a log, a control group. */
  newGuest(): { id: string; spec: DomainSpec } {
    this.#count += 1;
    const interfaces = [{ backend: { $case: 'bridge' as const, value: { bridge: this.bridge } } }];
    return { id: `guest-${this.#count}`, spec: idleMachine({ disks: [fileDisk(this.disk)], interfaces, serials: [{}] }) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.system[Symbol.asyncDispose]();
    } finally {
      await runCommand(['ip', 'link', 'delete', this.bridge]);
    }
  }
}
