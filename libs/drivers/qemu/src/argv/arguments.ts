import type { Json } from '@virtmesh/driver-spi';

/** Properties of a device, node or object; those that are undefined are left out. */
export type Properties = { readonly [name: string]: Json | undefined };

/** `-device '{...}'` and its kin: JSON carries every text as it is, without QEMU's own escaping. */
export function json(option: '-device' | '-blockdev' | '-netdev' | '-object', properties: Properties): readonly string[] {
  return [option, JSON.stringify(properties)];
}

/** `-option first,name=value,...` for options that take no JSON; what is undefined is left out, and a comma in a text is doubled, as QEMU reads it. */
export function keyed(
  option: string,
  first: string | undefined,
  properties: { readonly [name: string]: string | number | boolean | undefined },
): readonly string[] {
  const parts = Object.entries(properties).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${escape(typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value))}`],
  );
  return [option, [...(first === undefined ? [] : [escape(first)]), ...parts].join(',')];
}

function escape(text: string): string {
  return text.replaceAll(',', ',,');
}
