import type { DeviceOrder } from '@virtmesh/driver-spi';

/** A running container, and the definition that its device is in, or was. */
export type DeviceTarget = Pick<DeviceOrder, 'guest' | 'to'>;

/** How one device comes and goes. Both can be repeated. */
export interface DeviceWork {
  attach(signal: AbortSignal): Promise<void>;
  detach(signal: AbortSignal): Promise<void>;
}
