import { Fault } from '@virtmesh/base';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { hasEnded } from '@virtmesh/operations';

export type Verb =
  | 'create'
  | 'update'
  | 'delete'
  | 'start'
  | 'shutdown'
  | 'destroy'
  | 'reboot'
  | 'suspend'
  | 'resume'
  | 'autostart'
  | 'attach-device'
  | 'detach-device'
  | 'update-device'
  | 'save'
  | 'restore'
  | 'remove-managed-save'
  | 'dump'
  | 'rename'
  | 'resize-disk'
  | 'freeze'
  | 'thaw';

/**
 * What is allowed beside a long operation on the same domain, libvirt's async-job mask. A long operation does not hold
 * the domain's queue: it waits for the guest. What is not in its row fails at once with JOB_CONFLICT.
 */
const beside: Partial<Record<Verb, readonly Verb[]>> = {
  shutdown: [
    'suspend',
    'resume',
    'reboot',
    'shutdown',
    'destroy',
    'autostart',
    'update',
    'attach-device',
    'detach-device',
    'update-device',
    'rename',
    'resize-disk',
    'freeze',
    'thaw',
  ],
  save: ['autostart', 'destroy'],
  dump: ['autostart', 'destroy'],
};

/**
 * What gives way to the end of a domain: `always`, or only once it has begun and may hold the domain's turn for long.
 * A change of the definition that waits its turn is none of a destroy's business.
 */
const toDestroy: Partial<Record<Verb, 'always' | 'begun'>> = {
  create: 'always',
  start: 'always',
  shutdown: 'always',
  reboot: 'always',
  suspend: 'always',
  resume: 'always',
  save: 'always',
  restore: 'always',
  dump: 'always',
  'resize-disk': 'always',
  freeze: 'always',
  thaw: 'always',
  update: 'begun',
  'attach-device': 'begun',
  'detach-device': 'begun',
  'update-device': 'begun',
};

/** Whether an operation gives way to a destroy, or to a delete that destroys, after which nothing else is of use. */
export function givesWay(verb: Verb, begun: boolean, to: 'destroy' | 'delete'): boolean {
  if (verb === 'destroy' || verb === 'delete') return false;
  const when = to === 'delete' ? 'always' : toDestroy[verb];
  return when === 'always' || (when === 'begun' && begun);
}

/** An operation that waits for its guest, as it is now. */
export interface LongJob {
  readonly operation: Pick<Operation, 'name' | 'state' | 'verb'>;
}

/** The long operations under way, by domain. */
export class LongJobs {
  readonly #jobs = new Map<string, Set<LongJob>>();

  enter(uid: string, job: LongJob): Disposable {
    const jobs = this.#jobs.get(uid) ?? new Set();
    this.#jobs.set(uid, jobs.add(job));
    return {
      [Symbol.dispose]: () => {
        jobs.delete(job);
        if (jobs.size === 0 && this.#jobs.get(uid) === jobs) this.#jobs.delete(uid);
      },
    };
  }

  /** Throws JOB_CONFLICT where a long operation forbids the verb. One that has ended forbids nothing, though it may still tidy up. */
  admit(uid: string, verb: Verb): void {
    for (const { operation: held } of this.#jobs.get(uid) ?? []) {
      const { name: operation, state } = held;
      const long = held.verb as Verb;
      if (hasEnded(state) || beside[long]?.includes(verb) === true) continue;
      throw new Fault(
        'JOB_CONFLICT',
        `the domain is held by the operation ${operation} (${long}); wait for its end, cancel it, or destroy the domain`,
        { operation, verb: long },
        { retryAfterMs: 1000 },
      );
    }
  }
}
