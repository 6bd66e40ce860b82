import { Broadcast } from '@virtmesh/base';
import type { DriverEvent, HypervisorDriver } from '@virtmesh/driver-spi';
import { capabilities, driverVersion } from './capabilities.ts';
import type { DriverContext } from './context.ts';
import { followGuests } from './follow-guests.ts';
import { allFeatures, explain } from './features/features.ts';
import { lifecycleOf } from './lifecycle/lifecycle.ts';
import type { TestDriverOptions } from './options.ts';
import { complete } from './spec/complete.ts';
import { drivenFields } from './spec/drives.ts';
import { validate } from './spec/validate.ts';

/** The one reader is the agent itself, which is much faster than any number of guests. */
const maxUnreadEvents = 65_536;

/** A hypervisor whose guests are simulated, in a process of their own that is started at the first need. */
export function createTestDriver(options: TestDriverOptions): HypervisorDriver {
  const { arch } = options.host;
  const events = new Broadcast<DriverEvent>();
  const followed = new Set<string>();
  const link = followGuests(options, events, followed);
  const context: DriverContext = { host: options.host, link, starts: new Map(), followed };
  return {
    type: 'test',
    host: { version: driverVersion, capabilities: async (query) => capabilities(query, arch) },
    drives: drivenFields(),
    complete: (spec, guest) => complete(spec, guest, arch),
    validate: (spec) => validate(spec, arch),
    lifecycle: lifecycleOf(context),
    features: allFeatures(context),
    explain,
    events: (signal) => events.subscribe(signal, maxUnreadEvents),
    [Symbol.asyncDispose]: async () => link.close(),
  };
}
