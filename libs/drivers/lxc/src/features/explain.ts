import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { type FeatureName, type Features, featureWords, type Verdict } from '@virtmesh/driver-spi';
import { logKeeperProgram } from '@virtmesh/driver-support';

const supported: Verdict = { supported: true };
const not = (why: string): Verdict => ({ supported: false, why });

/** Why containers lack what other guests have. */
const missing: Readonly<Partial<Record<FeatureName, string>>> = {
  console: `the program ${logKeeperProgram.name}, which keeps the logs of consoles, is not installed; install the package ${logKeeperProgram.package}`,
  resizeDisk: 'a container has file systems and no disks; resize what they lie on',
  savedState: 'a container is processes of the node, whose state the kernel does not write out',
  dump: "a container has no memory of its own; dump a process of it by the node's own tools",
  screenshot: 'a container has no display; open its console',
  sendKeys: 'a container has no keyboard; write into its console',
  freeze: "a container's file systems are the node's; freeze them there",
};

/** Whether a feature can be used on this host and with this definition, and why not. */
export function explain(features: Partial<Features>, spec: DomainSpec | undefined, feature: FeatureName): Verdict {
  if (!features[feature]) return not(missing[feature] ?? `containers do not have ${featureWords[feature]}`);
  if (feature === 'console' && spec && spec.consoles.length === 0) return not('the definition has no console; add one');
  return supported;
}
