import { runCommand } from '../process/run-command.ts';
import { type PackageTree, type Progress, unpackedPackages } from '../setup/debian-archives.ts';

/** The guest's parts beside its kernel. */
const parts = ['busybox-static', 'qemu-guest-agent', 'libc6', 'libglib2.0-0', 'libnuma1', 'libpcre2-8-0', 'libudev1', 'liburing2'];

/** Names the newest cloud kernel by its dependency; the kernel itself carries its version in its name. */
const kernelMetapackage = 'linux-image-cloud-amd64';

async function kernelPackage(): Promise<string> {
  const depends = await runCommand(['apt-cache', 'depends', '--important', kernelMetapackage]);
  const name = /Depends: (linux-image-\S+-cloud-amd64)\b/.exec(depends)?.[1];
  if (name === undefined) throw new Error(`apt knows no kernel for ${kernelMetapackage}:\n${depends}`);
  return name;
}

/** The guest's parts as unpacked Debian packages. They are never installed on the host. */
export async function guestPackages(cache: string, progress: Progress): Promise<PackageTree> {
  return unpackedPackages({ cache, name: 'guest-packages', packages: async () => [await kernelPackage(), ...parts], progress });
}
