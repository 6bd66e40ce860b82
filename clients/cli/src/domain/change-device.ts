import type { Connection } from '@virtmesh/client';
import {
  AttachDomainDeviceRequest,
  DetachDomainDeviceRequest,
  type Device,
  UpdateDomainDeviceRequest,
} from '@virtmesh/contracts/domain/v1/device';
import type { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { DomainView, GetDomainRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Duration } from '@virtmesh/contracts/google/protobuf/duration';
import type { Operation } from '@virtmesh/contracts/operation/v1/operation';
import { shortName } from '../domain-reference.ts';
import type { Invocation } from '../invocation.ts';
import { domainOf, showOperations, tellLine } from '../operation/act.ts';
import { begin, durationOf } from '../operation/follow.ts';
import { showOutcomes } from '../operation/outcomes.ts';
import { scopeOf } from './change-scope.ts';
import { devicesOf } from './devices.ts';
import { aboutDomain } from './lookup.ts';

/** Adds a device to the verb's domain, and says which one it has become. */
export async function attachDevice(invocation: Invocation, device: Device): Promise<void> {
  const validateOnly = invocation.flag('dryRun');
  let before: Domain | undefined;
  const operation = await aboutDomain(invocation, invocation.args[0], async (connection, name) => {
    // Which id was made is seen by those that there were before.
    if (device.device?.value.id === '') before = await read(invocation, connection, name);
    return await begin(
      invocation,
      connection,
      (head) =>
        connection.domains.attachDomainDevice(
          AttachDomainDeviceRequest.fromPartial({ ...head, name, device, scope: scopeOf(invocation), validateOnly }),
          invocation.callOptions,
        ),
      { alone: true },
    );
  });
  const what = idOf(device, before, operation) || 'the device';
  const domain = `domain ${shortName(operation.target)}`;
  await tellLine(invocation, operation, validateOnly ? `${what} checked, not attached to ${domain}` : `${what} attached to ${domain}`);
  await showOperations(invocation, [operation]);
}

const read = (invocation: Invocation, connection: Connection, name: string): Promise<Domain> =>
  connection.domains.getDomain(GetDomainRequest.fromPartial({ name, view: DomainView.FULL }), invocation.callOptions);

/** The id that was given, else the one that was made: that of its kind which a definition did not have before. */
function idOf({ device }: Device, before: Domain | undefined, operation: Operation): string {
  if (device === undefined || device.value.id !== '') return device?.value.id ?? '';
  const after = domainOf(operation);
  const newIn = (definition: 'spec' | 'activeSpec'): string | undefined => {
    const known = new Set(devicesOf(before?.[definition]).map(({ id }) => id));
    return devicesOf(after?.[definition]).findLast(({ id, kind }) => kind === device.$case && !known.has(id))?.id;
  };
  return newIn('activeSpec') ?? newIn('spec') ?? '';
}

/** Takes a device out of the verb's domain; `find` answers its id. */
export async function detachDevice(invocation: Invocation, find: (domain: string) => Promise<string>): Promise<void> {
  const guestMs = invocation.number('guestTimeout');
  const guestTimeout: { guestTimeout?: Duration } = guestMs === undefined ? {} : { guestTimeout: durationOf(guestMs) };
  let device = '';
  const operation = await aboutDomain(invocation, invocation.args[0], async (connection, name) => {
    device = await find(name);
    return await begin(
      invocation,
      connection,
      (head) =>
        connection.domains.detachDomainDevice(
          DetachDomainDeviceRequest.fromPartial({ ...head, ...guestTimeout, name, device, scope: scopeOf(invocation) }),
          invocation.callOptions,
        ),
      { alone: true },
    );
  });
  await tellLine(invocation, operation, `${device} detached from domain ${shortName(operation.target)}`);
  await showOperations(invocation, [operation]);
}

/** Changes a device of the verb's domain, and says what became of each field. `make` may begin with what there is. */
export async function updateDevice(invocation: Invocation, make: (domain: () => Promise<Domain>) => Promise<Device>): Promise<void> {
  let etag = '';
  const operation = await aboutDomain(invocation, invocation.args[0], async (connection, name) => {
    const device = await make(async () => {
      const domain = await read(invocation, connection, name);
      // What was read is what is changed.
      ({ etag } = domain);
      return domain;
    });
    return await begin(
      invocation,
      connection,
      (head) =>
        connection.domains.updateDomainDevice(
          UpdateDomainDeviceRequest.fromPartial({
            ...head,
            name,
            device,
            etag,
            scope: scopeOf(invocation),
            force: invocation.flag('force'),
            validateOnly: invocation.flag('dryRun'),
          }),
          invocation.callOptions,
        ),
      { alone: true },
    );
  });
  await showOutcomes(invocation, operation);
}
