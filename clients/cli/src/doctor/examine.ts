import type { Check, Finding } from './finding.ts';
import type { ExaminedHost } from './host.ts';
import { cgroupCheck, deviceChecks, diskCheck, memoryCheck } from './kernel.ts';
import { nodeCheck, ovmfCheck, programChecks } from './programs.ts';

const checks: readonly Check[] = [nodeCheck, ...programChecks, ovmfCheck, ...deviceChecks, cgroupCheck, memoryCheck, diskCheck];

/** Looks at all that virtmesh needs of a host. */
export const examineHost = (host: ExaminedHost): Promise<Finding[]> => Promise.all(checks.map((check) => check(host)));
