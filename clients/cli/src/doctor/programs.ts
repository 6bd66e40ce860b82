import { aptInstall, type Check, type FindingStatus } from './finding.ts';
import type { ExaminedHost } from './host.ts';

interface Program {
  readonly check: string;
  readonly name: (host: ExaminedHost) => string;
  readonly package: (host: ExaminedHost) => string;
  readonly why: string;
  /** What its absence means. */
  readonly absent: Exclude<FindingStatus, 'ok'>;
  readonly versionArgs?: readonly string[];
}

const qemuArch: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64', ppc64: 'ppc64', s390x: 's390x', riscv64: 'riscv64' };
const qemuPackage: Readonly<Record<string, string>> = {
  x64: 'qemu-system-x86',
  arm64: 'qemu-system-arm',
  ppc64: 'qemu-system-ppc',
  s390x: 'qemu-system-misc',
  riscv64: 'qemu-system-misc',
};

const programs: readonly Program[] = [
  {
    check: 'qemu',
    name: (host) => `qemu-system-${qemuArch[host.arch] ?? host.arch}`,
    package: (host) => qemuPackage[host.arch] ?? 'qemu-system',
    why: 'runs the guests of the driver qemu',
    absent: 'missing',
    versionArgs: ['--version'],
  },
  {
    check: 'qemu-img',
    name: () => 'qemu-img',
    package: () => 'qemu-utils',
    why: 'makes and examines disk images',
    absent: 'warn',
    versionArgs: ['--version'],
  },
  {
    check: 'rotatelogs',
    name: () => 'rotatelogs',
    package: () => 'apache2-utils',
    why: "keeps the guests' console logs bounded, also while the agent is down",
    absent: 'missing',
  },
  {
    check: 'nats-server',
    name: () => 'nats-server',
    package: () => 'nats-server',
    why: 'carries events and registrations; needed where the control plane runs (./dev start brings its own)',
    absent: 'warn',
    versionArgs: ['--version'],
  },
  {
    check: 'ip',
    name: () => 'ip',
    package: () => 'iproute2',
    why: 'looks after tap devices and bridges',
    absent: 'warn',
    versionArgs: ['-V'],
  },
];

const programCheck =
  (program: Program): Check =>
  async (host) => {
    const name = program.name(host);
    const path = await host.which(name);
    const base = { check: program.check, why: program.why };
    if (path === undefined) {
      return {
        ...base,
        status: program.absent,
        found: `${name} is not installed`,
        remedy: aptInstall([program.package(host)], host.isRoot),
        package: program.package(host),
      };
    }
    if (program.versionArgs === undefined) return { ...base, status: 'ok', found: path };
    const version = await host.firstLine(path, program.versionArgs);
    if (version === undefined)
      return {
        ...base,
        status: program.absent,
        found: `${path} does not run`,
        remedy: `run ${path} ${program.versionArgs.join(' ')} to see why`,
      };
    return { ...base, status: 'ok', found: version };
  };

export const programChecks: readonly Check[] = programs.map(programCheck);

const leastNode = [24, 15] as const;

export const nodeCheck: Check = (host) => {
  const [major = 0, minor = 0] = host.nodeVersion.replace(/^v/, '').split('.').map(Number);
  const ok = major > leastNode[0] || (major === leastNode[0] && minor >= leastNode[1]);
  return Promise.resolve({
    check: 'node',
    status: ok ? 'ok' : 'missing',
    found: host.nodeVersion,
    why: 'runs virtmesh itself',
    ...(ok ? {} : { remedy: `virtmesh needs Node ${leastNode.join('.')} or later; ./dev start brings the repository's own` }),
  });
};

const firmwares = ['/usr/share/OVMF/OVMF_CODE_4M.fd', '/usr/share/OVMF/OVMF_CODE.fd'];

export const ovmfCheck: Check = async (host) => {
  for (const path of firmwares)
    if (await host.exists(path)) return { check: 'ovmf', status: 'ok', found: path, why: 'is the UEFI firmware of guests' };
  return {
    check: 'ovmf',
    status: 'warn',
    found: 'no OVMF firmware',
    why: 'is the UEFI firmware of guests; those with BIOS do without',
    remedy: aptInstall(['ovmf'], host.isRoot),
    package: 'ovmf',
  };
};
