import { ShutdownMode } from '@virtmesh/contracts/domain/v1/domain_service';
import type { HypervisorDriver, Lifecycle } from '@virtmesh/driver-spi';
import { containerCapabilities } from './capabilities.ts';
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
import type { LxcDriverOptions } from './options.ts';
import { placesOf } from './process/places.ts';
import { complete } from './spec/complete/complete.ts';
import { drives, instead } from './spec/drives.ts';
import { validate } from './spec/validate/validate.ts';

/** The one reader is the agent itself, which is much faster than any number of guests. */
const maxUnreadEvents = 65_536;

/** The driver for containers of LXC on this host. DRIVER_UNAVAILABLE, with what to install or change, where it cannot be used. */
export async function createLxcDriver(options: LxcDriverOptions): Promise<HypervisorDriver> {
  const context = await openContext(options);
  const { profile } = context;
  const features = availableFeatures(context);
  return {
    type: 'lxc',
    host: {
      version: profile.version,
      capabilities: async (query) => containerCapabilities(profile, query),
    },
    drives,
    instead,
    complete: (spec, guest) => complete(spec, guest, profile),
    validate: (spec) => validate(spec, { profile, pathRoots: options.pathRoots, hostDevices: options.hostDevices }),
    lifecycle: lifecycleOf(context),
    features,
    explain: (spec, feature) => explain(features, spec, feature),
    events: (signal) => context.events.subscribe(signal, maxUnreadEvents),
    [Symbol.asyncDispose]: async () => {
      context.guests.dropAll();
      await context.bus[Symbol.asyncDispose]();
      await context.shared.leave();
    },
  };
}

const lifecycleOf = (context: DriverContext): Lifecycle => ({
  planStart: (order) => new GuestStart(context, order).plan(),
  shutdownModes: [ShutdownMode.SIGNAL],
  requestShutdown: (guest, _mode, signal) => requestShutdown(context, guest, signal),
  destroy: (guest, _options, signal) => destroyGuest(context, guest, signal),
  observe: (guest) => observeGuest(context, guest),
  adopt: async (guest, active, record, signal) => adoptGuest(context, guest, active, decodeRecord(record), signal),
  release: async (guest, record) => releaseGuest(context, guest, decodeRecord(record)),
  forget: (guest) => context.host.files.remove(placesOf(context.directories, guest.uid).stateDir),
});
