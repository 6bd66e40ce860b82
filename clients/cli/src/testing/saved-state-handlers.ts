import { Fault } from '@virtmesh/base';
import { DomainState, DomainStateReason } from '@virtmesh/contracts/domain/v1/domain';
import { LifecycleEventDetail, LifecycleEventType } from '@virtmesh/contracts/domain/v1/domain_event';
import type { DomainServiceService } from '@virtmesh/contracts/domain/v1/domain_service';
import { DumpDomainResult } from '@virtmesh/contracts/domain/v1/saved_state';
import type { Handlers } from '@virtmesh/kit';
import { packed, raise, waitMs } from './handling.ts';
import type { World } from './world.ts';

type Served = 'saveDomain' | 'restoreDomain' | 'removeDomainManagedSave' | 'dumpDomain';

/** What the world does with guests' states. */
export function savedStateHandlers(world: World): Pick<Handlers<typeof DomainServiceService>, Served> {
  return {
    saveDomain: ({ name, path, wait }) => {
      const domain = world.find(name);
      return world.operate(domain, 'save', waitMs(wait), () => {
        world.move(domain, DomainState.SHUTOFF, DomainStateReason.SAVED, LifecycleEventType.STOPPED, LifecycleEventDetail.SAVED);
        if (path !== '') world.saved.set(path, domain.name);
        else if (domain.status) domain.status.managedSave = true;
        return domain;
      });
    },
    restoreDomain: ({ parent, path, paused, wait }) => {
      const name = world.saved.get(path);
      if (name === undefined || !name.startsWith(`${parent}/`))
        return raise(new Fault('SAVED_STATE_INVALID', `${path} holds no saved state`, { path, why: 'there is no such file' }));
      const domain = world.find(name);
      return world.operate(domain, 'restore', waitMs(wait), () =>
        world.move(
          domain,
          paused ? DomainState.PAUSED : DomainState.RUNNING,
          DomainStateReason.RESTORED,
          LifecycleEventType.STARTED,
          LifecycleEventDetail.RESTORED,
        ),
      );
    },
    removeDomainManagedSave: ({ name }) => {
      const domain = world.find(name);
      if (domain.status) domain.status.managedSave = false;
      return domain;
    },
    dumpDomain: ({ name, path, wait }) => {
      const domain = world.find(name);
      return world.operate(domain, 'dump', waitMs(wait), () =>
        packed(
          'virtmesh.domain.v1.DumpDomainResult',
          DumpDomainResult.encode(DumpDomainResult.fromPartial({ path, sizeBytes: 3n << 20n })).finish(),
        ),
      );
    },
  };
}
