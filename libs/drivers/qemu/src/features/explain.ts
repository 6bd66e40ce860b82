import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { FeatureName, Features, Verdict } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { logKeeperPackage } from '../process/log-keepers.ts';
import { consoleDevices } from './console.ts';

const supported: Verdict = { supported: true };
const not = (why: string): Verdict => ({ supported: false, why });

/** Whether a feature can be used on this host and with this definition, and why not. */
export function explain(context: DriverContext, features: Partial<Features>, spec: DomainSpec | undefined, feature: FeatureName): Verdict {
  if (!features[feature]) return not(missing(context, feature));
  if (feature === 'console' && spec && consoleDevices(spec).length === 0)
    return not('the definition has no serial port and no console; add one');
  return supported;
}

function missing({ binary }: DriverContext, feature: FeatureName): string {
  if (feature === 'console')
    return `the program rotatelogs, which keeps the logs of consoles, is not installed; install the package ${logKeeperPackage}`;
  return `QEMU ${binary.version} lacks what ${feature} needs; install a newer one`;
}
