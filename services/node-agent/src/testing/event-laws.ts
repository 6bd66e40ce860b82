import { DomainState } from '@virtmesh/contracts/domain/v1/domain';
import {
  type DomainEvent,
  LifecycleEventType as Type,
  type LifecycleEventType,
  lifecycleEventTypeToJSON,
} from '@virtmesh/contracts/domain/v1/domain_event';

/** What a reader of nothing but events knows of a domain. */
interface Life {
  /** `off`, or the last lifecycle event since the guest runs. */
  doing: 'off' | LifecycleEventType;
  revision: bigint;
  etag: string;
}

/**
 * What holds of the events of a node, whatever happened: numbers without holes, revisions that grow, an etag that changes
 * with the definition alone, and lifecycle events in an order that a guest can live through. Answers what was broken.
 */
export function brokenLaws(events: readonly DomainEvent[], options: { readonly first?: bigint } = {}): string[] {
  const broken: string[] = [];
  const lives = new Map<string, Life>();
  let number = options.first ?? 0n;
  for (const event of events) {
    const { context, domain, gone, kind, uid } = event;
    if (context === undefined || domain === undefined || kind === undefined) {
      broken.push('an event without context, domain or kind');
      continue;
    }
    const at = `${context.number} ${kind.$case === 'lifecycle' ? lifecycleEventTypeToJSON(kind.value.type) : kind.$case} of ${uid}`;
    if (context.number !== number + 1n) broken.push(`${at}: follows ${number}`);
    number = context.number;
    const life = lives.get(uid) ?? { doing: 'off', revision: 0n, etag: '' };
    if (domain.revision <= life.revision) broken.push(`${at}: its revision ${domain.revision} follows ${life.revision}`);
    const redefined = kind.$case === 'lifecycle' && (kind.value.type === Type.DEFINED || kind.value.type === Type.UNDEFINED);
    if (lives.has(uid) && domain.etag !== life.etag && !redefined) broken.push(`${at}: changed the etag`);
    if (event.full !== (domain.spec !== undefined || domain.activeSpec !== undefined) && !gone && domain.persistent)
      broken.push(`${at}: full is ${event.full}`);
    life.revision = domain.revision;
    life.etag = domain.etag;
    if (kind.$case === 'lifecycle')
      broken.push(...lived(life, kind.value.type, domain.status?.state ?? 0).map((words) => `${at}: ${words}`));
    if (gone) lives.delete(uid);
    else lives.set(uid, life);
  }
  return broken;
}

/** Moves a life on by an event; answers what the event breaks. */
function lived(life: Life, event: LifecycleEventType, state: DomainState): string[] {
  const { doing } = life;
  switch (event) {
    case Type.STARTED:
      life.doing = Type.RESUMED;
      return doing === 'off' ? [] : ['it runs already'];
    case Type.STOPPED:
      life.doing = 'off';
      // A start that failed stops what never ran.
      return doing === 'off' && state !== DomainState.SHUTOFF ? ['it does not run'] : [];
    case Type.SUSPENDED:
    case Type.RESUMED:
    case Type.PMSUSPENDED:
    case Type.CRASHED:
    case Type.SHUTDOWN:
      life.doing = event;
      if (doing === 'off') return ['it does not run'];
      return doing === event ? ['it is so already'] : [];
    case Type.DEFINED:
    case Type.UNDEFINED:
    case Type.UNSPECIFIED:
      return [];
    default:
      return [`an unknown type ${event}`];
  }
}

/** Throws where a law is broken. */
export function mustBeLawful(events: readonly DomainEvent[]): void {
  const broken = brokenLaws(events);
  if (broken.length > 0) throw new Error(`the events are not lawful:\n${broken.join('\n')}`);
}
