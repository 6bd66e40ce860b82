import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { type FeatureName, type Features, featureWords, type Verdict } from '@virtmesh/driver-spi';
import { logKeeperProgram } from '@virtmesh/driver-support';
import type { DriverContext } from '../context.ts';
import { agentChannel } from '../lifecycle/reading.ts';
import { consoleDevices } from './console.ts';
import { displaysOf } from './display/screenshot.ts';

const supported: Verdict = { supported: true };
const not = (why: string): Verdict => ({ supported: false, why });

/** Whether a feature can be used on this host and with this definition, and why not. */
export function explain(context: DriverContext, features: Partial<Features>, spec: DomainSpec | undefined, feature: FeatureName): Verdict {
  if (!features[feature]) return not(missing(context, feature));
  const lacking = spec && needs[feature]?.(spec);
  return lacking === undefined ? supported : not(lacking);
}

const agent = (spec: DomainSpec): string | undefined =>
  agentChannel(spec) === undefined
    ? 'the definition has no channel to a guest agent; add one of kind GUEST_AGENT, and run qemu-guest-agent in the guest'
    : undefined;

/** What a definition lacks for a feature; undefined where it lacks nothing. */
const needs: Partial<Record<FeatureName, (spec: DomainSpec) => string | undefined>> = {
  console: (spec) => (consoleDevices(spec).length === 0 ? 'the definition has no serial port and no console; add one' : undefined),
  screenshot: (spec) => (displaysOf(spec).length === 0 ? 'the definition has no video device; add one' : undefined),
  resizeDisk: (spec) => (spec.disks.every((disk) => disk.readOnly) ? 'the definition has no disk that can be written to' : undefined),
  addresses: (spec) =>
    spec.interfaces.length === 0 && agent(spec) !== undefined
      ? 'the definition has no interface, and no channel to a guest agent; add one of them'
      : undefined,
  guestInfo: agent,
  freeze: agent,
  exec: agent,
};

function missing({ binary }: DriverContext, feature: FeatureName): string {
  if (feature === 'console')
    return `the program ${logKeeperProgram.name}, which keeps the logs of consoles, is not installed; install the package ${logKeeperProgram.package}`;
  return `QEMU ${binary.version} lacks what is needed for ${featureWords[feature]}; install a newer one`;
}
