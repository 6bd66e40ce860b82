import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Host } from '@virtmesh/driver-spi';
import type { GuestPlaces } from './places.ts';

interface Noted {
  readonly spec: DomainSpec;
  readonly places: GuestPlaces;
}

const maxBytes = 16 << 20;

/** Keeps what LXC started a container with, before that is changed for the first time: a reboot goes back to it. */
export async function noteStarted({ host }: { readonly host: Host }, { spec, places }: Noted): Promise<void> {
  if (await host.files.stat(places.started)) return;
  host.runFiles.writeText(places.started, JSON.stringify(DomainSpec.toJSON(spec)), 0o600);
}

/** What LXC started a container with, and starts it with anew when it reboots. */
export async function startedSpec({ host }: { readonly host: Host }, { spec, places }: Noted): Promise<DomainSpec> {
  if (!(await host.files.stat(places.started))) return spec;
  return DomainSpec.fromJSON(JSON.parse(await host.files.readText(places.started, maxBytes)));
}
