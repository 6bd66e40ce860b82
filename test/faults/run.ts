import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { Fault } from '@virtmesh/base';
import { type Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { ListOperationsRequest } from '@virtmesh/contracts/operation/v1/operation_service';
import { faultFromStatus } from '@virtmesh/kit/client';
import { expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { foreignFiles, isAlive, processesWith } from '../support/host-traces.ts';
import type { Lane } from './lane.ts';
import type { Scenario } from './scenarios.ts';

const longWait = { seconds: 30n, nanos: 0 };

/** One time that a verb is carried out on a domain of its own. */
export class Run {
  readonly #lane: Lane;
  readonly #scenario: Scenario;
  readonly #id: string;
  readonly #spec: DomainSpec;
  readonly #requestId = randomUUID();
  #before: Domain | undefined;

  constructor(lane: Lane, scenario: Scenario) {
    this.#lane = lane;
    this.#scenario = scenario;
    ({ id: this.#id, spec: this.#spec } = lane.newGuest());
  }

  /** Brings the domain to where the verb is allowed. */
  async setUp(): Promise<void> {
    const { before } = this.#scenario;
    if (before === 'absent') return;
    this.#before = await this.#lane.client.create(this.#id, this.#spec, { start: before === 'running', startPaused: before === 'paused' });
  }

  /** Carries out the verb; the guest obeys if it must. */
  async act(): Promise<Operation | undefined> {
    const { act, obey } = this.#scenario;
    const { client } = this.#lane;
    const answering = act(client.connection, { name: client.name(this.#id), spec: this.#spec, requestId: this.#requestId, wait: longWait });
    if (obey) await this.#obey(answering, obey);
    return answering;
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
    const { after, mayFailWith, shows } = this.#scenario;
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
    expect(domain?.status?.state ?? 'absent').toBe(after);
    if (domain) {
      expect(domain.status?.job).toBe('');
      shows?.(domain);
    }
    await this.#mustFitTheHost(domain);
  }

  /** A guest runs where its domain says so, once, and holds what it needs; of others nothing is there. */
  async #mustFitTheHost(domain: Domain | undefined): Promise<void> {
    const { system } = this.#lane;
    const active = domain !== undefined && domain.status?.state !== DomainState.SHUTOFF;
    const uid = domain?.uid ?? this.#before?.uid ?? this.#requestId;
    if (this.#scenario.keepsGuest) expect(domain?.status?.pid).toBe(this.#before?.status?.pid);
    if (active) {
      const programs = (await processesWith(uid)).map(({ args }) => basename(args[0] ?? '')).toSorted((a, b) => (a < b ? -1 : 1));
      expect(programs).toEqual(['qemu-system-x86_64', 'rotatelogs', 'rotatelogs']);
      expect(await isAlive(Number(domain.status?.pid))).toBe(true);
    } else {
      await eventually(
        `nothing of the guest: ${(await system.traces(uid)).join(', ')}`,
        async () => (await system.traces(uid)).length === 0,
        5_000,
      );
    }
    expect(await readdir(system.runDir)).toEqual(active ? [uid] : []);
    expect(await foreignFiles(system.disks)).toEqual(active ? ['disk.raw'] : []);
    expect(await readdir(`/sys/class/net/${this.#lane.bridge}/brif`)).toHaveLength(active ? 1 : 0);
  }

  async #find(): Promise<Domain | undefined> {
    return this.#lane.client.get(this.#id).catch((thrown: unknown) => {
      if (Fault.is(thrown, 'DOMAIN_NOT_FOUND')) return undefined;
      throw thrown;
    });
  }

  async clean(): Promise<void> {
    if (await this.#find()) await this.#lane.client.remove(this.#id);
  }
}
