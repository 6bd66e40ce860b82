import type { Violation } from '@virtmesh/base';
import { DiskDevice } from '@virtmesh/contracts/domain/v1/disk';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { setFields } from '@virtmesh/driver-spi';
import { machineType } from './complete.ts';

export const maxVcpus = 4096;
const maxMemoryBytes = 2n ** 50n;

type Rule = (spec: DomainSpec, arch: string) => Iterable<Violation>;

/** What a simulated guest can be: the rules are those of any hypervisor, since nothing of the host is used. */
export const validate = (spec: DomainSpec, arch: string): readonly Violation[] => rules.flatMap((rule) => [...rule(spec, arch)]);

const rules: readonly Rule[] = [machine, cpu, memory, paths, disks, interfaces, references, numbers];

function* machine(spec: DomainSpec, arch: string): Iterable<Violation> {
  if (spec.arch !== arch) yield { field: 'arch', description: `must be ${arch}, which is what this node has; leave it out` };
  if (spec.machine !== machineType) yield { field: 'machine', description: `must be ${machineType}; leave it out` };
}

function* cpu({ cpu: given }: DomainSpec): Iterable<Violation> {
  if (!given) return;
  if (given.vcpus < 1) yield { field: 'cpu.vcpus', description: 'must be 1 or more' };
  if (given.maxVcpus < given.vcpus)
    yield {
      field: 'cpu.vcpus',
      description: `must be at most cpu.max_vcpus, and ${given.vcpus} is more than ${given.maxVcpus}; raise \`cpu.max_vcpus\` first`,
    };
  if (given.maxVcpus > maxVcpus) yield { field: 'cpu.max_vcpus', description: `must be at most ${maxVcpus}` };
  const { topology } = given;
  if (!topology) return;
  const product = [topology.sockets, topology.dies, topology.cores, topology.threads].reduce((all, each) => all * (each || 1), 1);
  if (product !== given.maxVcpus)
    yield { field: 'cpu.topology', description: `has ${product} vCPUs; it must have cpu.max_vcpus, which is ${given.maxVcpus}` };
}

function* memory({ memory: given }: DomainSpec): Iterable<Violation> {
  const size = given?.sizeBytes ?? 0n;
  if (size <= 0n || size > maxMemoryBytes) yield { field: 'memory.size_bytes', description: `must be from 1 to ${maxMemoryBytes} bytes` };
  const current = given?.currentBytes ?? 0n;
  if (current < 0n || current > size) yield { field: 'memory.current_bytes', description: 'must be at most memory.size_bytes' };
}

/** Nothing is opened, and yet a path means the same everywhere. */
function* paths(spec: DomainSpec): Iterable<Violation> {
  for (const { field, path, value } of setFields(spec)) {
    if (!/_path$|working_directory$|(?:^|\.)target$|init\.path$/.test(field) || typeof value !== 'string') continue;
    if (!value.startsWith('/')) yield { field: path, description: 'must be an absolute path' };
    else if (value.split('/').includes('..')) yield { field: path, description: 'must not lead upwards with ..' };
  }
}

function* disks({ disks: given }: DomainSpec): Iterable<Violation> {
  for (const [index, disk] of given.entries()) {
    if (!disk.source?.source && disk.device !== DiskDevice.CDROM)
      yield { field: `disks[${index}].source`, description: 'is required; only a CD-ROM may be without a medium' };
  }
}

const macForm = /^[0-9a-f][02468ace](?::[0-9a-f]{2}){5}$/;

function* interfaces({ interfaces: given }: DomainSpec): Iterable<Violation> {
  for (const [index, { backend, guest, macAddress, mtuBytes }] of given.entries()) {
    const field = `interfaces[${index}]`;
    if (!macForm.test(macAddress))
      yield { field: `${field}.mac_address`, description: 'must be six bytes in hex with colons, and no multicast address; or left out' };
    if (!backend) yield { field: `${field}.user`, description: 'is required, or a bridge' };
    if (backend?.$case === 'bridge' && backend.value.bridge === '') yield { field: `${field}.bridge.bridge`, description: 'is required' };
    if (mtuBytes !== 0 && (mtuBytes < 68 || mtuBytes > 65_535))
      yield { field: `${field}.mtu_bytes`, description: 'must be from 68 to 65535' };
    for (const [at, address] of (guest?.addresses ?? []).entries())
      if (!/^[0-9a-fA-F.:]+\/\d{1,3}$/.test(address))
        yield { field: `${field}.guest.addresses[${at}]`, description: 'must be an address with its prefix length, such as 192.0.2.10/24' };
  }
}

/** What is named must be there. */
function* references({ boot, disks: given, interfaces: nets }: DomainSpec): Iterable<Violation> {
  const known = new Set([...given, ...nets].map(({ id }) => id));
  for (const [index, id] of (boot?.order ?? []).entries())
    if (!known.has(id)) yield { field: `boot.order[${index}]`, description: `${JSON.stringify(id)} is the id of no disk and no interface` };
}

/** No quantity is below 0, but for adjustments. */
function* numbers(spec: DomainSpec): Iterable<Violation> {
  for (const { field, leaf, path, shape, value } of setFields(spec)) {
    if (!leaf || shape.t !== 'scalar' || field === 'clock.adjustment_seconds' || field === 'cpu.vcpus') continue;
    if ((typeof value === 'number' || typeof value === 'bigint') && value < 0) yield { field: path, description: 'must be 0 or more' };
  }
}
