import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Fault } from '@virtmesh/base';
import { type Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { ListOperationsRequest } from '@virtmesh/contracts/operation/v1/operation_service';
import { faultFromStatus } from '@virtmesh/kit/client';
import { expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { foreignFiles, isAlive, processesWith } from '../support/host-traces.ts';
import { type Lane, simulatorSocket } from './lane.ts';
import type { CallTo, Scenario } from './scenarios.ts';

const longWait = { seconds: 30n, nanos: 0 };

/** One time that a verb is carried out on a domain of its own. */
export class Run {
  readonly #lane: Lane;
  readonly #scenario: Scenario;
  readonly #id: string;
  readonly #spec: DomainSpec;
  readonly #requestId = randomUUID();
  readonly #path: string;
  #before: Domain | undefined;

  constructor(lane: Lane, scenario: Scenario) {
    this.#lane = lane;
    this.#scenario = scenario;
    ({ id: this.#id, spec: this.#spec } = lane.newGuest(scenario.guests ?? 'qemu'));
    this.#path = join(lane.system.disks, `${this.#id}.made`);
  }

  /** Brings the domain to where the verb is allowed. */
  async setUp(): Promise<void> {
    const { before, prepare } = this.#scenario;
    if (before === 'absent') return;
    this.#before = await this.#lane.client.create(this.#id, this.#spec, { start: before === 'running', startPaused: before === 'paused' });
    await prepare?.(this.#lane.client.connection, this.#call());
  }

  /** Carries out the verb; the guest obeys if it must. */
  async act(): Promise<Operation | undefined> {
    const { act, obey } = this.#scenario;
    const answering = act(this.#lane.client.connection, this.#call());
    if (obey) await this.#obey(answering, obey);
    return answering;
  }

  #call(): CallTo {
    const { client, spareDisk } = this.#lane;
    const uid = this.#before?.uid ?? '';
    return { name: client.name(this.#id), uid, path: this.#path, spareDisk, spec: this.#spec, requestId: this.#requestId, wait: longWait };
  }

  async #obey(answering: Promise<unknown>, obey: (pid: number) => void): Promise<void> {
    let over = false;
    const watched = answering.then(
      () => (over = true),
      () => (over = true),
    );
    const asked = eventually(
      'the guest to be asked',
      async () => over || (await this.#lane.client.get(this.#id).catch(() => undefined))?.status?.job !== '',
    );
    await Promise.race([watched, asked]);
    const pid = Number(this.#before?.status?.pid);
    if (!over && (await isAlive(pid))) obey(pid);
  }

  /** What must hold in the next life of the agent. */
  async mustHaveSurvived(answered: Operation | undefined): Promise<void> {
    const { after, afterFailure = after, mayFailWith, shows } = this.#scenario;
    const again = await this.act();
    if (answered) expect([again?.name, again?.state]).toEqual([answered.name, answered.state]);
    const failed = again?.result?.$case === 'error' ? faultFromStatus(again.result.value) : undefined;
    if (failed && failed.reason !== mayFailWith) throw failed;
    if (again && !failed) expect(again.state).toBe(OperationState.SUCCEEDED);
    const { operations } = await this.#lane.client.connection.operations.listOperations(
      ListOperationsRequest.fromPartial({ parent: 'nodes/n1' }),
    );
    expect(operations, 'nothing stays unfinished').toEqual([]);
    const domain = await this.#find();
    expect(domain?.status?.state ?? 'absent').toBe(failed ? afterFailure : after);
    if (domain) {
      expect(domain.status?.job).toBe('');
      if (!failed) shows?.(domain);
    }
    await this.#mustFitTheHost(domain);
    const made = (await readdir(this.#lane.system.disks)).filter((name) => name.includes('.made'));
    expect(made).toEqual(this.#scenario.leavesFile && !failed ? [basename(this.#path)] : []);
  }

  /** A guest runs where its domain says so, once, and holds what it needs; of others nothing is there. */
  async #mustFitTheHost(domain: Domain | undefined): Promise<void> {
    const { system } = this.#lane;
    const active = domain !== undefined && domain.status?.state !== DomainState.SHUTOFF;
    const uid = domain?.uid ?? this.#before?.uid ?? this.#requestId;
    const { guests, holdsSpareDisk } = this.#scenario;
    const real = guests !== 'test';
    if (this.#scenario.keepsGuest) expect(domain?.status?.pid).toBe(this.#before?.status?.pid);
    if (active) {
      const programs = (await processesWith(uid)).map(({ args }) => basename(args[0] ?? '')).toSorted((a, b) => (a < b ? -1 : 1));
      expect(programs).toEqual(real ? ['qemu-system-x86_64', 'rotatelogs', 'rotatelogs'] : []);
      expect(await isAlive(Number(domain.status?.pid))).toBe(true);
    } else {
      await eventually(
        `nothing of the guest: ${(await system.traces(uid)).join(', ')}`,
        async () => (await system.traces(uid)).length === 0,
        5_000,
      );
    }
    const simulator = await processesWith(join(system.runDir, simulatorSocket));
    expect(simulator.length, 'simulators').toBeLessThanOrEqual(1);
    expect((await readdir(system.runDir)).filter((name) => name !== simulatorSocket)).toEqual(active && real ? [uid] : []);
    const held = holdsSpareDisk ? ['disk.raw', 'spare.raw'] : ['disk.raw'];
    expect((await foreignFiles(system.disks)).filter((name) => name.endsWith('.raw'))).toEqual(active && real ? held : []);
    expect(await readdir(`/sys/class/net/${this.#lane.bridge}/brif`)).toHaveLength(active && real ? 1 : 0);
  }

  async #find(): Promise<Domain | undefined> {
    return this.#lane.client.get(this.#lastId).catch((thrown: unknown) => {
      if (Fault.is(thrown, 'DOMAIN_NOT_FOUND')) return undefined;
      throw thrown;
    });
  }

  /** The domain may have another name by now. */
  get #lastId(): string {
    return this.#before ? `uid:${this.#before.uid}` : this.#id;
  }

  async clean(): Promise<void> {
    if (await this.#find()) await this.#lane.client.remove(this.#lastId);
    await rm(this.#path, { force: true });
  }
}
