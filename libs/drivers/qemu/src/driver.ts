import type { DomainCapabilities } from '@virtmesh/contracts/domain/v1/capabilities';
import { ShutdownMode } from '@virtmesh/contracts/domain/v1/domain_service';
import type { HypervisorDriver, Lifecycle } from '@virtmesh/driver-spi';
import { domainCapabilities } from './capabilities/capabilities.ts';
import type { DriverContext } from './context.ts';
import { explain } from './features/explain.ts';
import { availableFeatures } from './features/features.ts';
import { adoptGuest } from './lifecycle/adopt.ts';
import { destroyGuest } from './lifecycle/destroy.ts';
import { observeGuest } from './lifecycle/observe.ts';
import { decodeRecord } from './lifecycle/record.ts';
import { releaseGuest } from './lifecycle/release.ts';
import { requestShutdown } from './lifecycle/shutdown.ts';
import { GuestStart } from './lifecycle/start/guest-start.ts';
import { openContext } from './open-context.ts';
import type { QemuDriverOptions } from './options.ts';
import { findUefi } from './probe/firmware.ts';
import { placesOf } from './process/places.ts';
import { complete } from './spec/complete/complete.ts';
import { drives } from './spec/drives.ts';
import { validate } from './spec/validate/validate.ts';

/** The driver for QEMU on this host. DRIVER_UNAVAILABLE, with what to install or change, where it cannot be used. */
export async function createQemuDriver(options: QemuDriverOptions): Promise<HypervisorDriver> {
  const context = await openContext(options);
  const features = availableFeatures(context);
  const { binary, accelerators } = context;
  return {
    type: 'qemu',
    host: {
      version: binary.version,
      accelerators: accelerators.usable.map(({ name }) => name),
      capabilities: (query) => capabilities(context, query),
    },
    drives,
    complete: (spec, guest) => complete(spec, guest, binary),
    validate: (spec) => validate(spec, { binary, accelerators, pathRoots: options.pathRoots }),
    lifecycle: lifecycleOf(context),
    features,
    explain: (spec, feature) => explain(context, features, spec, feature),
    events: (signal) => context.events.subscribe(signal, maxUnreadEvents),
    [Symbol.asyncDispose]: async () => context.guests.dropAll(),
  };
}

/** The one reader is the agent itself, which is much faster than any number of guests. */
const maxUnreadEvents = 65_536;

const lifecycleOf = (context: DriverContext): Lifecycle => ({
  planStart: (order) => new GuestStart(context, order).plan(),
  shutdownModes: [ShutdownMode.ACPI, ShutdownMode.GUEST_AGENT],
  requestShutdown: (guest, mode, signal) => requestShutdown(context, guest, mode, signal),
  destroy: (guest, { graceMs }, signal) => destroyGuest(context, guest, graceMs, signal),
  observe: (guest, signal) => observeGuest(context, guest, signal),
  adopt: async (guest, active, record, signal) => adoptGuest(context, guest, active, decodeRecord(record), signal),
  release: async (guest, record) => releaseGuest(context, guest, decodeRecord(record)),
  forget: (guest) => context.host.files.remove(placesOf(context.directories, guest.uid).stateDir),
});

async function capabilities(
  { host, binary, accelerators }: DriverContext,
  query: { readonly arch: string; readonly machine: string },
): Promise<DomainCapabilities> {
  const [firmwares, vsock] = await Promise.all([findUefi(host), host.files.stat('/dev/vhost-vsock')]);
  return domainCapabilities({ binary, accelerators, firmwares, vsock: vsock !== undefined }, query);
}
