import { specLeafFields } from '@virtmesh/driver-spi';

/** The leaf fields of DomainSpec that the driver drives: all but those of a single other driver. */
export const drivenFields = (): ReadonlySet<string> => new Set(specLeafFields().filter((path) => !path.startsWith('qemu.')));
