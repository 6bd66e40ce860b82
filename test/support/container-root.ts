import { chmod, copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const directories = ['bin', 'sbin', 'etc', 'proc', 'sys', 'dev', 'tmp', 'root', 'run', 'mnt'];
const applets = ['sh', 'echo', 'true', 'sleep', 'init', 'env', 'hostname', 'poweroff', 'reboot'];

/** Counts on its console from its boot on, and does at once what it is asked. It is no init by its name: it shuts down at SIGTERM. */
const guest = `#!/bin/sh
trap 'exit 0' TERM
trap 'reboot -f' INT
echo 'virtmesh guest: hello'
count=0
while true; do
  count=$((count + 1))
  echo "count $count"
  sleep 1 &
  wait
done
`;

/** Makes a root of busybox for containers: `/sbin/init` boots to a shell on its console, `/sbin/guest` counts there. */
export async function makeContainerRoot(root: string): Promise<void> {
  for (const name of directories) await mkdir(join(root, name), { recursive: true });
  await chmod(root, 0o755);
  await copyFile('/bin/busybox', join(root, 'bin/busybox'));
  for (const applet of applets) await symlink('busybox', join(root, 'bin', applet));
  await symlink('../bin/busybox', join(root, 'sbin/init'));
  await writeFile(join(root, 'sbin/guest'), guest, { mode: 0o755 });
  await writeFile(join(root, 'etc/inittab'), 'console::respawn:/bin/sh\n::ctrlaltdel:/bin/reboot\n');
}
