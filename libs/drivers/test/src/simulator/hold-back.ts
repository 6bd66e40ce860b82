import type { World } from './world.ts';

/** What guests do by themselves comes after its latency, as faults have it: one that fails or hangs never comes. */
export function holdBack(world: World, work: string, uid: string, latencyMs: number, action: () => void): void {
  const effect = world.faults.strike(work, uid);
  if (effect && effect.t !== 'slow') return;
  const ms = latencyMs + (effect ? effect.ms : 0);
  if (ms === 0) action();
  else world.clock.after(ms, action);
}
