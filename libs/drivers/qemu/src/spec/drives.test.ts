import { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import { setFields, specLeafFields } from '@virtmesh/driver-spi';
import { expect, test } from 'vitest';
import { buildArgv } from '../argv/build-argv.ts';
import { changeField } from '../testing/change-field.ts';
import { goldens } from '../testing/goldens.ts';
import { launchOf } from '../testing/launch.ts';
import { drives } from './drives.ts';

/** Driven fields that no command line shows, and who brings them into force. */
const elsewhere: Readonly<Record<string, string>> = {
  hypervisor: 'chooses the driver',
  arch: 'chooses the binary',
  title: 'the agent keeps it',
  description: 'the agent keeps it',
  labels: 'the agent keeps them',
  metadata: 'the agent keeps it',
  'memory.current_bytes': 'QMP balloon at the start',
  'memory.balloon.stats_period_seconds': 'QMP qom-set at the start',
  'disks.throttle.total_bytes_per_second': 'QMP block_set_io_throttle at the start',
  'disks.throttle.read_bytes_per_second': 'QMP block_set_io_throttle at the start',
  'disks.throttle.write_bytes_per_second': 'QMP block_set_io_throttle at the start',
  'disks.throttle.total_iops': 'QMP block_set_io_throttle at the start',
  'disks.throttle.read_iops': 'QMP block_set_io_throttle at the start',
  'disks.throttle.write_iops': 'QMP block_set_io_throttle at the start',
  'interfaces.link_down': 'QMP set_link at the start',
  'interfaces.bridge.bridge': 'the tap device is put into the bridge',
  'channels.kind': 'names the channel when the definition is completed, and who connects to it',
  'graphics.vnc.password': 'QMP set_password at the start',
  'graphics.vnc.password_set': 'output only; read back definitions have it',
};

test('the driver drives fields of the contract', () => {
  const fields = new Set(specLeafFields());
  expect([...drives].filter((field) => !fields.has(field))).toEqual([]);
});

test('each driven field is in a golden definition', () => {
  const used = new Set(
    goldens.flatMap(({ spec, accelerators }) => setFields(launchOf(spec, { accelerators }).spec).map(({ field }) => field)),
  );
  const unused = [...drives].filter((field) => !used.has(field) && elsewhere[field] === undefined);
  expect(unused).toEqual([]);
});

test('each driven field is read by the builders, or brought into force elsewhere', () => {
  const read = new Set<string>();
  for (const { spec, accelerators } of goldens) {
    const launch = launchOf(spec, { accelerators });
    const before = buildArgv(launch).join('\n');
    for (const field of setFields(launch.spec)) {
      if (!field.leaf || read.has(field.field)) continue;
      const changed = DomainSpec.fromPartial(launch.spec);
      changeField(changed, field.path, another);
      if (argvOf({ ...launch, spec: changed, accelerator: changed.accelerator === 1 ? 'kvm' : 'tcg' }) !== before) read.add(field.field);
    }
  }
  expect([...drives].filter((field) => !read.has(field)).toSorted(compare)).toEqual(Object.keys(elsewhere).toSorted(compare));
});

const compare = (a: string, b: string): number => (a < b ? -1 : 1);

/** What is refused has been read too. */
function argvOf(launch: Parameters<typeof buildArgv>[0]): string {
  try {
    return buildArgv(launch).join('\n');
  } catch {
    return 'refused';
  }
}

function another(value: unknown): unknown {
  if (typeof value === 'string') return `${value}x`;
  if (typeof value === 'number') return value === 1 ? 2 : value - 1;
  if (typeof value === 'bigint') return value * 2n;
  return typeof value === 'boolean' ? !value : value;
}
