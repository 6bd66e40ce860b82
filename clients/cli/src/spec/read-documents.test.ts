import { Fault } from '@virtmesh/base';
import { CpuMode } from '@virtmesh/contracts/domain/v1/cpu';
import { DiskBus, DiskCache } from '@virtmesh/contracts/domain/v1/disk';
import { describe, expect, test } from 'vitest';
import { type DomainDocument, readDocuments } from './read-documents.ts';
import { loadDomainSchema } from './schema.ts';

const schema = loadDomainSchema();
const read = (text: string, name?: string): DomainDocument[] => readDocuments({ file: 'web.yaml', text, name }, schema);

/** What is wrong with a text, as `line:column: field | description`. */
function faultsOf(text: string, name?: string): string[] {
  try {
    read(text, name);
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    expect(thrown.reason).toBe('SPEC_INVALID');
    return thrown.violations.map(({ field, description }) => `${field.replace('web.yaml:', '')} | ${description}`);
  }
  return [];
}

/** What is wrong with the spec of a definition, whose lines begin at line 3, two blanks in. */
const faultsInSpec = (spec: string): string[] => faultsOf(`name: web\nspec:\n  ${spec.replaceAll('\n', '\n  ')}\n`);

const whole = `
name: web
uid: 0190F5C2-1C4E-7C55-B5D0-3F6F0E9B7A11
autostart: true
spec:
  hypervisor: qemu
  memory: { size_bytes: 1.5GiB, currentBytes: "268435456" }
  cpu: { vcpus: 2, mode: host-passthrough, features: [{ name: avx2, policy: DISABLE }] }
  disks:
    - id: disk0
      bus: virtio
      cache: DISK_CACHE_NONE
      source: { file_path: /srv/web.qcow2 }
      throttle: { total_bytes_per_second: 10MiB, total_iops: 100 }
  interfaces:
    - user: {}
  graphics: [{ vnc: {} }]
  labels: { tier: "1", "a.b/c": x }
  vsock: {}
  qemu: { args: ["-name", "x"] }
`;

describe('what can be written', () => {
  test('names of the contract and of JSON, short and full enum values, sizes, oneofs, maps', () => {
    const [document] = read(whole);
    expect(document).toMatchObject({
      name: 'web',
      uid: '0190f5c2-1c4e-7c55-b5d0-3f6f0e9b7a11',
      autostart: true,
      node: undefined,
      ignored: [],
    });
    expect(document?.spec).toMatchObject({
      hypervisor: 'qemu',
      memory: { sizeBytes: 1_610_612_736n, currentBytes: 268_435_456n },
      cpu: { vcpus: 2, mode: CpuMode.HOST_PASSTHROUGH, features: [{ name: 'avx2', policy: 2 }] },
      disks: [
        {
          bus: DiskBus.VIRTIO,
          cache: DiskCache.NONE,
          source: { source: { $case: 'filePath', value: '/srv/web.qcow2' } },
          throttle: { totalBytesPerSecond: 10n << 20n, totalIops: 100n },
        },
      ],
      interfaces: [{ backend: { $case: 'user' } }],
      graphics: [{ protocol: { $case: 'vnc' } }],
      labels: { tier: '1', 'a.b/c': 'x' },
      vsock: { cid: 0n },
      qemu: { args: ['-name', 'x'] },
    });
  });

  test('JSON, tabs and all', () => {
    expect(
      read('{\n\t"name": "web",\n\t"spec": {\n\t\t"hypervisor": "qemu",\n\t\t"memory": {"sizeBytes": "1048576"}\n\t}\n}')[0]?.spec.memory
        ?.sizeBytes,
    ).toBe(1_048_576n);
  });

  test('several documents, empty ones among them', () => {
    expect(
      read('---\nname: a\nspec: {hypervisor: qemu}\n---\n# nothing\n---\nname: b\nspec: {hypervisor: qemu}\n').map(({ name }) => name),
    ).toEqual(['a', 'b']);
  });

  test('a bare definition with a name from the caller', () => {
    expect(read('hypervisor: qemu\n', 'web')).toMatchObject([{ name: 'web', spec: { hypervisor: 'qemu' } }]);
  });

  test('the name of the caller goes before that of the file', () => {
    expect(read('name: a\nspec: {hypervisor: qemu}\n', 'b')[0]?.name).toBe('b');
  });

  test('aliases', () => {
    const [document] = read('name: web\nspec:\n  hypervisor: qemu\n  disks:\n  - &d { source: { file_path: /a } }\n  - *d\n');
    expect(document?.spec.disks).toHaveLength(2);
  });

  test('a kept answer: what only servers write is left out, and told', () => {
    const answer =
      'name: nodes/n1/domains/web\nuid: 0190f5c2-1c4e-7c55-b5d0-3f6f0e9b7a11\netag: x\nspec: {hypervisor: qemu}\nstatus: {state: DOMAIN_STATE_RUNNING}\ntitle: t\npersistent: true\n';
    expect(read(answer)).toMatchObject([
      { name: 'web', node: 'n1', uid: undefined, autostart: false, ignored: ['etag', 'status', 'title', 'persistent', 'uid'] },
    ]);
    expect(read(`domains:\n- ${answer.trimEnd().replaceAll('\n', '\n  ')}\n`)).toMatchObject([{ name: 'web', node: 'n1' }]);
  });
});

describe('what is refused, and where', () => {
  test.each([
    ['buss: virtio', '3:3: spec.buss | there is no such field; there are hypervisor, accelerator,'],
    ['memory: { size: 1GiB }', '3:13: spec.memory.size | there is no such field; did you mean size_bytes?'],
    ['memory: { size_bytes: 1G }', '3:25: spec.memory.size_bytes | G can mean 1000 or 1024: write GiB or GB'],
    [
      'memory: { size_bytes: 1.5 }',
      '3:25: spec.memory.size_bytes | must be a whole number of bytes, or a size such as 256MiB or 1GiB, not the number "1.5"',
    ],
    [
      'memory: { size_bytes: true }',
      '3:25: spec.memory.size_bytes | must be a whole number of bytes, or a size such as 256MiB or 1GiB, not the boolean "true"',
    ],
    ['memory: { size_bytes: 1MiB, sizeBytes: 2MiB }', '3:31: spec.memory.size_bytes | is given twice, as size_bytes and as sizeBytes'],
    ['memory: { size_bytes: 1MiB, size_bytes: 2MiB }', '3:31: spec.memory.size_bytes | is given twice'],
    ['memory: 1GiB', '3:11: spec.memory | must be a mapping of size_bytes, current_bytes, balloon'],
    ['memory:', '3:10: spec.memory | has no value: write {} for one with defaults, or leave the field out'],
    ['cpu: { vcpus: two }', '3:17: spec.cpu.vcpus | must be a whole number, not the text "two"'],
    ['cpu: { vcpus: 2147483648 }', '3:17: spec.cpu.vcpus | must be from -2147483648 to 2147483647, not 2147483648'],
    ['cpu: { vcpus: 2MiB }', '3:17: spec.cpu.vcpus | must be a whole number, not the text "2MiB"'],
    ['title: 5', '3:10: spec.title | must be a text, not the number "5": put it in quotes'],
    ['title: [a]', '3:10: spec.title | must be a single value, not a list or mapping'],
    ['title:', '3:9: spec.title | has no value: give it one, or leave the field out'],
    ['labels: { tier: 1 }', '3:19: spec.labels["tier"] | must be a text, not the number "1": put it in quotes'],
    ['labels: { 1: a }', '3:13: spec.labels | the key "1" must be a text: put it in quotes'],
    ['labels: { __proto__: a }', '3:13: spec.labels["__proto__"] | cannot be named so'],
    ['labels: [a]', '3:11: spec.labels | must be a mapping of names to values'],
    ['disks: { bus: virtio }', '3:10: spec.disks | must be a list: begin each entry with "- "'],
    ['disks:\n- bus: virtioo', '4:10: spec.disks[0].bus | "virtioo" is none of virtio, scsi, sata, ide; did you mean virtio?'],
    ['disks:\n- bus: 1', '4:10: spec.disks[0].bus | must be one of virtio, scsi, sata, ide, not the number "1"'],
    ['disks:\n- bus: unspecified', '4:10: spec.disks[0].bus | "unspecified" is none of virtio, scsi, sata, ide'],
    ['disks:\n- {}\n- read_only: yes', '5:16: spec.disks[1].read_only | must be true or false, not the text "yes"'],
    [
      'interfaces:\n- user: {}\n  bridge: { bridge: br0 }',
      '5:5: spec.interfaces[0].bridge | does not go together with user: give only one of user, bridge',
    ],
    ['interfaces:\n- user:', '4:10: spec.interfaces[0].user | has no value: write {}'],
    ['<<: { title: a }', '3:3: spec.<< | merge keys are not supported'],
    ['title: !secret x', '3:10 | Unresolved tag: !secret'],
  ])('%j', (spec, expected) => {
    const faults = faultsInSpec(spec);
    expect(faults).toHaveLength(1);
    expect(faults[0]?.slice(0, expected.length)).toBe(expected);
  });

  test.each([
    ['', '1:1 | there is no definition in it'],
    ['# only a remark\n', '1:1 | there is no definition in it'],
    ['- a\n', '1:1 | a definition must be a mapping with name and spec'],
    ['name: web\n', '1:1: spec | is missing: put the definition under it'],
    ['spec: {}\n', '1:1: name | is missing: write it beside spec, or call with --name'],
    ['name: a b\nspec: {}\n', '1:7: name | must be 1 to 63 characters'],
    ['name: 5\nspec: {}\n', '1:7: name | must be a text'],
    ['name: web\nspec:\n', '2:1: spec | has no value'],
    ['name: web\nuid: x\nspec: {}\n', '2:6: uid | must be a UUID'],
    ['name: web\nautostart: yes\nspec: {}\n', '2:12: autostart | must be true or false'],
    ['name: web\nspec: {}\nstatus: {}\n', '3:1: status | there is no such field to write: only servers do; leave it out'],
    ['name: web\nspec: {}\ntitle: t\n', '3:1: title | there is no such field: it stands under spec'],
    ['name: web\nspec: {}\nautostrat: true\n', '3:1: autostrat | there is no such field; did you mean autostart?'],
    ['name: web\nname: db\nspec: {}\n', '2:1: name | is given twice'],
    ['name: [\n', '2:1 | Flow sequence'],
    ['{"name": "web", "spec": {}', '1:'],
    ['name: web\nspec: {hypervisor: *nowhere}\n', '2:'],
    ['name: a\nspec: {}\n---\nname: a\nspec: {}\n', '4:1: name | a is defined twice in this file'],
  ])('%j', (text, expected) => {
    const faults = faultsOf(text);
    expect(faults).toHaveLength(1);
    expect(faults[0]?.slice(0, expected.length)).toBe(expected);
  });

  test('all that is wrong at once, by place', () => {
    const faults = faultsOf('name: a b\nspec:\n  cpu: { vcpus: x }\n  titel: t\n---\nname: b\nspec: { memory: 5 }\n');
    expect(faults.map((fault) => fault.split(' | ')[0])).toEqual([
      '1:7: name',
      '3:17: spec.cpu.vcpus',
      '4:3: spec.titel',
      '7:17: spec.memory',
    ]);
  });

  test('one name for several definitions', () => {
    expect(faultsOf('name: a\nspec: {}\n---\nname: b\nspec: {}\n', 'c')).toContain('1:1 | --name is for one definition, and there are 2');
  });

  test('a flood of faults is cut', () => {
    expect(faultsInSpec(Array.from({ length: 200 }, (_, index) => `wrong${index}: 1`).join('\n'))).toHaveLength(50);
  });
});

describe("where a server's complaint belongs", () => {
  const [document] = read(
    'name: web\nspec:\n  hypervisor: qemu\n  disks:\n    - bus: ide\n    - source:\n        filePath: /x\n  labels:\n    a: b\n',
  );
  test.each([
    ['spec.disks[1].source.file_path', 7, 9],
    ['spec.disks[0].bus', 5, 7],
    ['spec.disks[0].format', 5, 7],
    ['spec.disks[7].format', 4, 3],
    ['spec.labels["a"]', 9, 5],
    ['spec.memory.size_bytes', 2, 1],
    ['domain_id', 1, 1],
    ['request_id', 1, 1],
    ['', 1, 1],
  ])('%j', (path, line, column) => {
    expect(document?.locate(path)).toEqual({ line, column });
  });
});
