import { Fault } from '@virtmesh/base';
import { DomainStats } from '@virtmesh/contracts/domain/v1/stats';
import { statusFromFault } from '@virtmesh/kit';
import type { Engine } from './engine.ts';
import { isActive, toWire } from './model/states.ts';
import type { Entry } from './model/change.ts';

/** What one domain has used. A hypervisor that does not answer in time marks this answer and holds up no other. */
export async function statsOf(engine: Engine, entry: Entry, signal: AbortSignal): Promise<DomainStats> {
  const { clock, drivers } = engine.parts;
  const base = { name: entry.domain.name, uid: entry.guest.uid, state: toWire(entry.state), time: clock.now() };
  const active = entry.domain.activeSpec;
  if (!isActive(entry.state) || active === undefined) return DomainStats.fromPartial(base);
  try {
    const driver = drivers.get(entry.domain.hypervisor);
    if (driver.features.stats === undefined) {
      throw new Fault('FEATURE_UNSUPPORTED', `the driver ${driver.type} tells no statistics`, {
        driver: driver.type,
        feature: 'stats',
        why: 'the driver does not have it',
      });
    }
    const { cpu, memory, blocks, interfaces, fault } = await driver.features.stats.stats(entry.guest, active, signal);
    return { ...base, cpu, memory, blocks: [...blocks], interfaces: [...interfaces], error: fault && statusFromFault(fault) };
  } catch (thrown) {
    return DomainStats.fromPartial({ ...base, error: statusFromFault(Fault.from(thrown)) });
  }
}
