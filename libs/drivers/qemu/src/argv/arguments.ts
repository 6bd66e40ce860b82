import type { Json } from '@virtmesh/driver-spi';

/** Properties of a node or object; those that are undefined are left out. */
export type Properties = { readonly [name: string]: Json | undefined };

/** Options of one level; those that are undefined are left out. */
export type Keyed = { readonly [name: string]: string | number | boolean | undefined };

/** `-blockdev '{...}'` and its kin: JSON carries every text as it is, without QEMU's own escaping. */
export function json(option: '-blockdev' | '-netdev' | '-object', properties: Properties): readonly string[] {
  return [option, JSON.stringify(properties)];
}

/** `-device`, not as JSON: QEMU makes devices of that form last, after the raw ones of a definition, which could then take their slots. */
export function device(driver: string, properties: Keyed): readonly string[] {
  return keyed('-device', driver, properties);
}

/** The properties of a device with its driver, as both `-device` and `device_add` take them. */
export type DeviceProperties = Keyed & { readonly driver: string; readonly id: string };

/** The same device as arguments. */
export function deviceArguments({ driver, ...properties }: DeviceProperties): readonly string[] {
  return device(driver, properties);
}

/** `-option first,name=value,...` where JSON is not taken; a comma in a text is doubled, as QEMU reads it. */
export function keyed(option: string, first: string | undefined, properties: Keyed): readonly string[] {
  const parts = Object.entries(properties).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${escape(typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value))}`],
  );
  return [option, [...(first === undefined ? [] : [escape(first)]), ...parts].join(',')];
}

function escape(text: string): string {
  return text.replaceAll(',', ',,');
}
