import { runSteps, type StepObserver } from '@virtmesh/base';
import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type {
  DriverEvent,
  FeatureName,
  Features,
  GuestRef,
  HypervisorDriver,
  Observed,
  RuntimeRecord,
  Started,
  StartOrder,
} from '@virtmesh/driver-spi';
import { randomUUID } from 'node:crypto';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { EventLaw } from './event-law.ts';
import type { PartialSpec, SubjectHost } from './subject.ts';

/** A deadline that no call of a healthy test comes near. */
export const soon = (): AbortSignal => AbortSignal.timeout(20_000);

/** What the agent keeps of a guest. */
export interface Kept {
  readonly guest: GuestRef;
  readonly spec: DomainSpec;
  /** As it was saved last; undefined before the first time. */
  record: RuntimeRecord | undefined;
  active: DomainSpec;
  started: Started | undefined;
  /** What its events must keep to. */
  readonly law: EventLaw;
}

/** How a guest is started. */
export interface StartOptions {
  readonly paused?: boolean;
  readonly restore?: NonNullable<StartOrder['restore']>;
  readonly observer?: StepObserver;
  readonly signal?: AbortSignal;
}

/** How long a guest may take until it answers, where the host is busy and emulates its CPU. */
const bootMs = 50_000;

/** How long the bench listens, before it closes, for what should not be told any more. */
const lateMs = 400;

/** Stands for the agent: its bookkeeping, over the lives of its driver. */
export class AgentBench implements AsyncDisposable {
  readonly host: SubjectHost;
  /** All that was told, over all lives. */
  readonly told: DriverEvent[] = [];
  driver: HypervisorDriver;
  readonly #kept = new Map<string, Kept>();
  /** Of all guests that there ever were: what is told too late is told of those that are forgotten. */
  readonly #laws = new Map<string, { readonly name: string; readonly law: EventLaw }>();
  readonly #strays: string[] = [];
  readonly #waiting = new Set<() => void>();
  #life = new AbortController();
  #listening: Promise<void>;

  private constructor(host: SubjectHost, driver: HypervisorDriver) {
    this.host = host;
    this.driver = driver;
    this.#listening = this.#listen();
  }

  static async open(host: SubjectHost): Promise<AgentBench> {
    return new AgentBench(host, await host.driver());
  }

  /** Throws the driver away as a kill of the agent does, and opens it anew. Nothing is adopted yet. */
  async renew(): Promise<void> {
    await this.#end();
    this.driver = await this.host.driver();
    this.#life = new AbortController();
    this.#listening = this.#listen();
  }

  /** A guest with a completed definition; `name` says in whose case. */
  define(spec: PartialSpec, name: string): Kept {
    const uid = randomUUID();
    const guest = { uid, id: `t-${uid.slice(0, 8)}` };
    const completed = this.driver.complete(DomainSpec.fromPartial(spec), guest);
    const kept: Kept = { guest, spec: completed, record: undefined, active: completed, started: undefined, law: new EventLaw() };
    this.#kept.set(uid, kept);
    this.#laws.set(uid, { name, law: kept.law });
    return kept;
  }

  /** Carries out a start as the agent does. */
  async start(kept: Kept, options: StartOptions = {}): Promise<Started> {
    const plan = this.driver.lifecycle.planStart(this.order(kept, options));
    kept.law.begin();
    try {
      await runSteps(plan.steps, options.signal ?? soon(), options.observer ?? {});
    } catch (thrown) {
      await this.over(kept, 'its start was undone');
      throw thrown;
    }
    kept.started = plan.started();
    kept.active = kept.started.activeSpec;
    return kept.started;
  }

  order(kept: Kept, { paused = false, restore }: StartOptions = {}): StartOrder {
    return {
      guest: kept.guest,
      spec: kept.spec,
      paused,
      ...(restore ? { restore } : {}),
      save: (record, chosen) => {
        // As the store does: a text, and no reference.
        kept.record = JSON.parse(JSON.stringify(record)) as RuntimeRecord;
        kept.active = chosen;
      },
    };
  }

  adopt(kept: Kept): Promise<Observed> {
    if (!kept.record) throw new Error('a guest without a record cannot be adopted');
    return this.driver.lifecycle.adopt(kept.guest, kept.active, kept.record, soon());
  }

  observe({ guest }: Kept): Promise<Observed> {
    return this.driver.lifecycle.observe(guest, soon());
  }

  /** Ends a guest. Not for one that is being started: what becomes of that is its start's to tell. */
  async destroy(kept: Kept, graceMs = 0): Promise<void> {
    await this.preempt(kept, graceMs);
    await this.over(kept, 'its destruction');
  }

  /** Destroys a guest whose start may be under way. */
  preempt({ guest }: Kept, graceMs = 0): Promise<void> {
    return this.driver.lifecycle.destroy(guest, { graceMs }, soon());
  }

  /** All that was told of a guest has been told now: what comes later breaks the law. */
  async over({ law }: Kept, why: string): Promise<void> {
    // What was told before a call resolved is read in the same turn.
    await turn();
    law.end(why);
  }

  /** A guest that runs and answers. */
  async ready(kept: Kept, options: StartOptions = {}): Promise<Started> {
    const started = await this.start(kept, options);
    const { host } = this;
    await expect.poll(() => host.answers?.(kept.guest, this.driver) ?? true, { timeout: bootMs }).toBe(true);
    return started;
  }

  /** Ends a guest and gives back all that it had, whatever became of it. */
  async finish(kept: Kept): Promise<void> {
    await this.destroy(kept);
    if (kept.record) await this.driver.lifecycle.release(kept.guest, kept.record);
    await this.driver.lifecycle.forget(kept.guest);
    this.#kept.delete(kept.guest.uid);
  }

  /** The feature, which the caller has seen to be there. */
  feature<N extends FeatureName>(name: N): Features[N] {
    const feature: Features[N] | undefined = this.driver.features[name];
    if (!feature) throw new Error(`the driver has no ${name}`);
    return feature;
  }

  of({ guest }: Kept): readonly DriverEvent[] {
    return this.told.filter((event) => event.uid === guest.uid);
  }

  /** The first event of a guest that matches, told already or soon. */
  async event(kept: Kept, matches: (event: DriverEvent) => boolean): Promise<DriverEvent> {
    const deadline = soon();
    for (;;) {
      const found = this.of(kept).find(matches);
      if (found) return found;
      if (deadline.aborted) throw new Error(`no such event; there were ${inspect(this.of(kept))}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 500);
        this.#waiting.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const kept of [...this.#kept.values()]) await this.finish(kept).catch(() => {});
    await sleep(lateMs);
    await this.#end();
    await this.host[Symbol.asyncDispose]();
    const breaches = [...this.#laws.values()].flatMap(({ law, name }) => law.breaches.map((breach) => `${name}: ${breach}`));
    expect([...breaches, ...this.#strays]).toEqual([]);
  }

  async #end(): Promise<void> {
    await this.driver[Symbol.asyncDispose]();
    this.#life.abort();
    await this.#listening;
  }

  async #listen(): Promise<void> {
    for await (const event of this.driver.events(this.#life.signal)) {
      this.told.push(event);
      const followed = this.#laws.get(event.uid);
      if (followed) followed.law.see(event);
      else this.#strays.push(`${event.t} was told of ${event.uid}, which is no guest`);
      for (const wake of this.#waiting) wake();
      this.#waiting.clear();
    }
  }
}

/** Events and the like as a text. */
export const inspect = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each));
