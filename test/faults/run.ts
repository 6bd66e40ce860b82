import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Fault } from '@virtmesh/base';
import { type Domain, DomainState } from '@virtmesh/contracts/domain/v1/domain';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { ListOperationsRequest } from '@virtmesh/contracts/operation/v1/operation_service';
import { faultFromStatus } from '@virtmesh/kit/client';
import { expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { foreignFiles, isAlive, processesWith } from '../support/host-traces.ts';
import type { Lane } from './lane.ts';
import { becomes } from './becomes.ts';
import { guestDirectories, simulators } from './run-directory.ts';
import type { CallTo, Scenario } from './scenarios.ts';
import { programOf, type Subject } from './subjects.ts';

const longWait = { seconds: 30n, nanos: 0 };

/** One time that a verb is carried out on a domain of its own. */
export class Run {
  readonly #lane: Lane;
  readonly #scenario: Scenario;
  readonly #subject: Subject;
  readonly #id: string;
  readonly #requestId = randomUUID();
  readonly #path: string;
  #before: Domain | undefined;

  constructor(lane: Lane, scenario: Scenario, subject: Subject) {
    this.#lane = lane;
    this.#scenario = scenario;
    this.#subject = subject;
    this.#id = lane.newId();
    this.#path = join(lane.system.disks, `${this.#id}.made`);
  }

  /** Brings the domain to where the verb is allowed. */
  async setUp(): Promise<void> {
    const { before, prepare } = this.#scenario;
    if (before === 'absent') return;
    const spec = this.#subject.spec(this.#lane.places);
    this.#before = await this.#lane.client.create(this.#id, spec, { start: before === 'running', startPaused: before === 'paused' });
    await prepare?.(this.#lane.client.connection, this.#call());
  }

  /** Carries out the verb; the guest obeys if it must. */
  async act(): Promise<Operation | undefined> {
    const { act, obeyed } = this.#scenario;
    const { obey } = this.#subject;
    const answering = act(this.#lane.client.connection, this.#call());
    if (obeyed && obey) await this.#obey(answering, obey);
    return answering;
  }

  #call(): CallTo {
    const { client, places } = this.#lane;
    const uid = this.#before?.uid ?? '';
    return {
      name: client.name(this.#id),
      uid,
      path: this.#path,
      subject: this.#subject,
      places,
      requestId: this.#requestId,
      wait: longWait,
    };
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
      if (!failed) shows?.(domain, this.#subject);
    }
    await this.#mustFitTheHost(domain);
    const made = (await readdir(this.#lane.system.disks)).filter((name) => name.includes('.made'));
    expect(made).toEqual(this.#scenario.leavesFile && !failed ? [basename(this.#path)] : []);
  }

  /** A guest runs where its domain says so, once, and holds what it needs; of others nothing is there. */
  async #mustFitTheHost(domain: Domain | undefined): Promise<void> {
    const { system } = this.#lane;
    const uid = domain?.uid ?? this.#before?.uid ?? this.#requestId;
    if (this.#scenario.keepsGuest) expect(domain?.status?.pid).toBe(this.#before?.status?.pid);
    const active = domain !== undefined && domain.status?.state !== DomainState.SHUTOFF;
    if (active) {
      // A guest that reboots may do so in its own time.
      await becomes(async () => (await processesWith(uid)).map(programOf).toSorted(), this.#subject.running.programs);
      expect(await isAlive(Number(domain.status?.pid))).toBe(true);
    } else {
      await becomes(() => system.traces(uid), []);
    }
    await this.#mustHoldNothingElse(active ? uid : undefined);
  }

  /** What of the node is held is held for one guest that runs, or for none. */
  async #mustHoldNothingElse(uid: string | undefined): Promise<void> {
    const { places, system } = this.#lane;
    const { bridgePorts, directory, ownedDisks } = this.#subject.running;
    const spare = this.#scenario.hasSpare ? this.#subject.spare(places).device : undefined;
    expect(await simulators(system.runDir), 'simulators').toBeLessThanOrEqual(1);
    expect(await guestDirectories(system.runDir)).toEqual(uid !== undefined && directory ? [uid] : []);
    const owned = [...ownedDisks, ...(spare?.$case === 'disk' && ownedDisks.length > 0 ? ['spare.raw'] : [])];
    expect((await foreignFiles(system.disks)).filter((name) => name.endsWith('.raw'))).toEqual(uid === undefined ? [] : owned);
    const ports = bridgePorts + (spare?.$case === 'interface' ? 1 : 0);
    await becomes(async () => (await readdir(`/sys/class/net/${places.bridge}/brif`)).length, uid === undefined ? 0 : ports);
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
