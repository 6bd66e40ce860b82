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
}

export interface StartOptions {
  readonly paused?: boolean;
  readonly restore?: NonNullable<StartOrder['restore']>;
  readonly observer?: StepObserver;
  readonly signal?: AbortSignal;
}

/** Stands for the agent: its bookkeeping, over the lives of its driver. */
export class AgentBench implements AsyncDisposable {
  readonly host: SubjectHost;
  /** All that was told, over all lives. */
  readonly told: DriverEvent[] = [];
  driver: HypervisorDriver;
  readonly #kept = new Map<string, Kept>();
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

  /** A guest with a completed definition. */
  define(spec: PartialSpec): Kept {
    const uid = randomUUID();
    const guest = { uid, id: `t-${uid.slice(0, 8)}` };
    const completed = this.driver.complete(DomainSpec.fromPartial(spec), guest);
    const kept: Kept = { guest, spec: completed, record: undefined, active: completed, started: undefined };
    this.#kept.set(uid, kept);
    return kept;
  }

  /** Carries out a start as the agent does. */
  async start(kept: Kept, options: StartOptions = {}): Promise<Started> {
    const plan = this.driver.lifecycle.planStart(this.order(kept, options));
    await runSteps(plan.steps, options.signal ?? soon(), options.observer ?? {});
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

  destroy({ guest }: Kept, graceMs = 0): Promise<void> {
    return this.driver.lifecycle.destroy(guest, { graceMs }, soon());
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
    await this.#end();
    await this.host[Symbol.asyncDispose]();
  }

  async #end(): Promise<void> {
    await this.driver[Symbol.asyncDispose]();
    this.#life.abort();
    await this.#listening;
  }

  async #listen(): Promise<void> {
    for await (const event of this.driver.events(this.#life.signal)) {
      this.told.push(event);
      for (const wake of this.#waiting) wake();
      this.#waiting.clear();
    }
  }
}

/** Events and the like as a text. */
export const inspect = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each));
