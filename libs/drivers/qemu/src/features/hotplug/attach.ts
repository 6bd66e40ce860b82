import { Fault, type Step } from '@virtmesh/base';
import { type AnyDevice, type DeviceOrder, type DevicePlan, findDevice } from '@virtmesh/driver-spi';
import type { DeviceAddress } from '../../argv/layout.ts';
import type { DriverContext } from '../../context.ts';
import { qemuIds } from '../../launch.ts';
import type { LiveGuest } from '../../lifecycle/live-guest.ts';
import { encodeRecord, type GuestRecord } from '../../lifecycle/record.ts';
import { makeTaps, tapName } from '../../lifecycle/start/network.ts';
import type { FileUse } from '../../process/claims.ts';
import { handOver } from '../../process/hand-over.ts';
import { ownerOf } from '../../process/users.ts';
import { layoutOfGuest } from '../layout-of-guest.ts';
import { claimFiles } from './device-files.ts';
import { letGo } from './let-go.ts';
import { addBackends, partsOf } from './parts.ts';
import { placeFor, presentDevices } from './places.ts';
import { unplug } from './unplug.ts';

/** How long a guest that has a device for a moment only may take to let go of it. */
const undoTimeoutMs = 5000;

/** The attaching of one device, step by step. */
export class DeviceAttach {
  readonly #context: DriverContext;
  readonly #order: DeviceOrder;
  readonly #device: AnyDevice;
  #address: DeviceAddress = {};
  #uses: readonly FileUse[] = [];

  constructor(context: DriverContext, order: DeviceOrder) {
    this.#context = context;
    this.#order = order;
    this.#device = findDevice(order.to, order.change.device) ?? absent(order);
  }

  plan(): DevicePlan {
    const steps: Step[] = [
      { name: 'reserve', run: (signal) => this.#reserve(signal) },
      { name: 'files', run: () => this.#takeFiles(), undo: () => this.#takeBack() },
      { name: 'network', run: (signal) => this.#connectNetwork(signal) },
      { name: 'plug', run: (signal) => this.#plug(signal), undo: () => this.#unplug() },
    ];
    return { steps, changed: () => this.#order.to };
  }

  /** Looks at everything and changes nothing. */
  async #reserve(signal: AbortSignal): Promise<void> {
    const guest = this.#guest;
    const layout = layoutOfGuest(guest, 'hotplug');
    this.#address = await placeFor(guest, layout, this.#device, await presentDevices(guest, signal), signal);
  }

  async #takeFiles(): Promise<void> {
    const guest = this.#guest;
    const { host, users } = this.#context;
    this.#uses = await claimFiles(this.#context, guest, this.#order.to, this.#id);
    const { record } = guest;
    const layout = layoutOfGuest(guest, 'hotplug');
    this.#save({
      ...record,
      files: [...record.files.filter((file) => file.device !== this.#id), ...this.#uses],
      taps: [...new Set([...record.taps, ...this.#taps])],
      layout: { ...layout, addresses: { ...layout.addresses, [this.#id]: this.#address } },
    });
    const owner = ownerOf(users, record.user);
    if (owner) await handOver(host, this.#uses, owner);
  }

  /** A device that could not be taken out again keeps what it has. */
  async #takeBack(): Promise<void> {
    const signal = AbortSignal.timeout(undoTimeoutMs);
    if (await this.#isThere(signal)) return;
    this.#save(await letGo(this.#context, this.#guest, this.#device, signal));
  }

  async #connectNetwork(signal: AbortSignal): Promise<void> {
    // A tap that is in use would be made anew.
    if (this.#taps.length === 0 || (await this.#isThere(signal))) return;
    const { host, users } = this.#context;
    const uid = ownerOf(users, this.#guest.record.user)?.uid ?? host.uid;
    await makeTaps(host.network, this.#guest.ref, this.#order.to, uid, signal, this.#id);
  }

  async #plug(signal: AbortSignal): Promise<void> {
    const guest = this.#guest;
    const parts = partsOf(guest, this.#device);
    // What it tells from its first moment on is understood.
    guest.updateSpec(this.#order.to);
    if (!(await this.#isThere(signal))) {
      await addBackends(guest, parts.backends, signal);
      await guest.execute('device_add', defined(parts.device(this.#address)), signal);
    }
    for (const { command, args } of parts.settings) await guest.execute(command, args, signal);
  }

  async #unplug(): Promise<void> {
    this.#guest.updateSpec(this.#order.from);
    await unplug(this.#guest, this.#id, undoTimeoutMs, AbortSignal.timeout(2 * undoTimeoutMs));
  }

  #save(record: GuestRecord): void {
    this.#guest.record = record;
    this.#order.save(encodeRecord(record));
  }

  /** Whether the guest has it: an attach that was cut off may have come so far. */
  async #isThere(signal: AbortSignal): Promise<boolean> {
    return (await presentDevices(this.#guest, signal)).has(qemuIds.device(this.#id));
  }

  get #id(): string {
    return this.#device.value.id;
  }

  get #taps(): readonly string[] {
    return this.#device.$case === 'interface' && this.#device.value.backend?.$case === 'bridge'
      ? [tapName(this.#order.guest.uid, this.#id)]
      : [];
  }

  get #guest(): LiveGuest {
    return this.#context.guests.running(this.#order.guest);
  }
}

/** JSON leaves out what is undefined; the types do not know that. */
const defined = <T extends { readonly driver: string; readonly id: string }>(properties: T): T => properties;

function absent({ change }: DeviceOrder): never {
  throw new Fault('INTERNAL_BUG', `the definition to come has no device ${change.device}`);
}
