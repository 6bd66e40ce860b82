import type { Json } from '@virtmesh/driver-spi';
import type { AcceleratorProfile, BinaryProfile } from './profile.ts';

/** Profiles as JSON, sets as arrays. */
export function profileToJson(profile: BinaryProfile): Json {
  return plain(profile);
}

export function acceleratorToJson(profile: AcceleratorProfile): Json {
  return plain(profile);
}

export function profileFromJson(value: Json): BinaryProfile {
  const kept = value as unknown as WithArrays<Omit<BinaryProfile, 'tcg'>> & { readonly tcg?: Json };
  return {
    ...kept,
    cpuFeatures: new Set(kept.cpuFeatures),
    devices: new Set(kept.devices),
    aio: new Set(kept.aio),
    commands: new Set(kept.commands),
    builtWith: new Set(kept.builtWith),
    tcg: kept.tcg === undefined ? undefined : acceleratorFromJson(kept.tcg),
  };
}

export function acceleratorFromJson(value: Json): AcceleratorProfile {
  const kept = value as unknown as WithArrays<AcceleratorProfile>;
  return { ...kept, offered: new Set(kept.offered) };
}

type WithArrays<T> = { readonly [K in keyof T]: T[K] extends ReadonlySet<infer E> ? readonly E[] : T[K] };

function plain(value: unknown): Json {
  return JSON.parse(JSON.stringify(value, (_, each: unknown) => (each instanceof Set ? [...each] : each))) as Json;
}
