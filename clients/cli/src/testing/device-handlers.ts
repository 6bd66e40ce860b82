import { Fault } from '@virtmesh/base';
import { ChangeScope } from '@virtmesh/contracts/domain/v1/change_scope';
import type { Device } from '@virtmesh/contracts/domain/v1/device';
import type { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { type DomainServiceService, FieldEffect, UpdateDomainResult } from '@virtmesh/contracts/domain/v1/domain_service';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Any } from '@virtmesh/contracts/google/protobuf/any';
import type { Handlers } from '@virtmesh/kit';
import { devicesOf } from '../domain/devices.ts';
import { packed, raise, waitMs } from './handling.ts';
import type { World } from './world.ts';

type Served = 'attachDomainDevice' | 'detachDomainDevice' | 'updateDomainDevice' | 'resizeDomainDisk';
type Change = (spec: DomainSpec) => void;

/** The definitions that a change is for. */
function changeIn(domain: Domain, scope: ChangeScope, change: Change): Domain {
  if (scope !== ChangeScope.CONFIG && domain.activeSpec) change(domain.activeSpec);
  if (scope !== ChangeScope.LIVE && domain.spec) change(domain.spec);
  return domain;
}

const copyOf = (domain: Domain): Domain => structuredClone(domain);

const mustHave = (domain: Domain, id: string): void => {
  if (![domain.spec, domain.activeSpec].some((spec) => devicesOf(spec).some((device) => device.id === id)))
    raise(new Fault('DEVICE_NOT_FOUND', `domain ${domain.name} has no device ${id}`, { device: id }));
};

/** The lists of disks and interfaces, the only devices that this world has. */
function put({ device }: Device, spec: DomainSpec): void {
  if (device?.$case === 'disk') {
    const disk = { ...device.value, id: device.value.id || `disk${spec.disks.length}` };
    spec.disks = [...spec.disks.filter(({ id }) => id !== disk.id), disk];
  } else if (device?.$case === 'interface') {
    const nic = { ...device.value, id: device.value.id || `net${spec.interfaces.length}` };
    spec.interfaces = [...spec.interfaces.filter(({ id }) => id !== nic.id), nic];
  }
}

function updated(domain: Domain, path: string): Any {
  const effect = domain.activeSpec ? FieldEffect.LIVE : FieldEffect.NEXT_START;
  return packed(
    'virtmesh.domain.v1.UpdateDomainResult',
    UpdateDomainResult.encode(UpdateDomainResult.fromPartial({ domain, outcomes: [{ path, effect }] })).finish(),
  );
}

/** What the world does with devices. */
export function deviceHandlers(world: World): Pick<Handlers<typeof DomainServiceService>, Served> {
  const changed = (name: string, validateOnly: boolean): Domain => (validateOnly ? copyOf(world.find(name)) : world.find(name));
  return {
    attachDomainDevice: ({ name, device, scope, wait, validateOnly }) =>
      world.operate(world.find(name), 'attach-device', waitMs(wait), () =>
        changeIn(changed(name, validateOnly), scope, (spec) => device && put(device, spec)),
      ),
    detachDomainDevice: ({ name, device, scope, wait }) => {
      const domain = world.find(name);
      mustHave(domain, device);
      return world.operate(domain, 'detach-device', waitMs(wait), () =>
        changeIn(domain, scope, (spec) => {
          spec.disks = spec.disks.filter(({ id }) => id !== device);
          spec.interfaces = spec.interfaces.filter(({ id }) => id !== device);
        }),
      );
    },
    updateDomainDevice: ({ name, device, scope, wait, validateOnly }) => {
      const domain = changed(name, validateOnly);
      const id = device?.device?.value.id ?? '';
      mustHave(domain, id);
      return world.operate(domain, 'update-device', waitMs(wait), () =>
        updated(
          changeIn(domain, scope, (spec) => device && put(device, spec)),
          `${device?.device?.$case}s[${id}]`,
        ),
      );
    },
    resizeDomainDisk: ({ name, disk, wait }) => {
      const domain = world.find(name);
      mustHave(domain, disk);
      return world.operate(domain, 'resize-disk', waitMs(wait), () => domain);
    },
  };
}
