import { join } from 'node:path';
import { ChannelKind } from '@virtmesh/contracts/domain/v1/channel';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { runCommand } from '@virtmesh/tools/run-command';
import { fileDisk, idleMachine, mebibyte } from '../support/domain-specs.ts';
import { eventually } from '../support/eventually.ts';
import { makeDisk } from '../support/guest-image.ts';
import { processesWith } from '../support/host-traces.ts';
import { TestSystem } from '../support/system.ts';
import { TestClient } from '../support/test-client.ts';

/** Below the directory of guests' sockets, where a simulator runs. */
export const simulatorSocket = 'test-simulator.sock';
const once = { retry: { attempts: 1, initialMs: 1, maxMs: 1 } };

/** What the guests of a scenario are: machines of QEMU with something of each kind that a start takes, or simulated ones. */
export type GuestKind = 'qemu' | 'test';

/** A system in which the agent dies over and over, on one store. */
export class Lane implements AsyncDisposable {
  readonly system: TestSystem;
  readonly disk: string;
  /** A disk that no guest has by itself. */
  readonly spareDisk: string;
  readonly bridge: string;
  #client: TestClient | undefined;
  #count = 0;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(system: TestSystem, bridge: string) {
    this.system = system;
    this.bridge = bridge;
    this.disk = join(system.disks, 'disk.raw');
    this.spareDisk = join(system.disks, 'spare.raw');
  }

  static async open(bridge: string): Promise<Lane> {
    const lane = new Lane(await TestSystem.start({ fleet: true, agent: { test: { idleEndMs: 100 } } }), bridge);
    await runCommand(['ip', 'link', 'add', bridge, 'type', 'bridge']);
    await makeDisk(lane.disk, mebibyte, 'raw');
    await makeDisk(lane.spareDisk, mebibyte, 'raw');
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

  newGuest(kind: GuestKind): { id: string; spec: DomainSpec } {
    this.#count += 1;
    return { id: `guest-${this.#count}`, spec: this.#specs[kind]() };
  }

  readonly #specs = {
    /** Its start takes something of each kind: a disk, a tap, a log, a control group. */
    qemu: (): DomainSpec => {
      const interfaces = [{ backend: { $case: 'bridge' as const, value: { bridge: this.bridge } } }];
      return idleMachine({ disks: [fileDisk(this.disk, 'raw', { id: 'disk0' })], interfaces, serials: [{}] });
    },
    test: (): DomainSpec =>
      DomainSpec.fromPartial({
        hypervisor: 'test',
        memory: { sizeBytes: 32n * mebibyte },
        disks: [fileDisk(this.disk, 'raw', { id: 'disk0' })],
        channels: [{ kind: ChannelKind.GUEST_AGENT }],
      }),
  };

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#simulatorEnds();
    } finally {
      await using _bridge = { [Symbol.asyncDispose]: async () => void (await runCommand(['ip', 'link', 'delete', this.bridge])) };
      await this.system[Symbol.asyncDispose]();
    }
  }

  /** It stays for a moment when its agent has ended and no guest is left. */
  async #simulatorEnds(): Promise<void> {
    await this.system.agent.kill('SIGTERM');
    const simulator = join(this.system.runDir, simulatorSocket);
    await eventually('the end of the simulator', async () => (await processesWith(simulator)).length === 0);
  }
}
