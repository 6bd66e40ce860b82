import type { Host } from '@virtmesh/driver-spi';
import { createHost } from '@virtmesh/host';
import { appendFileSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lastWords, startFailure, startLine } from './words.ts';

describe('the words of QEMU', () => {
  let host: Host;
  let directory: string;
  beforeAll(async () => {
    host = await createHost();
    directory = mkdtempSync(join(tmpdir(), 'vmw-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  // As QEMU 7.2 says them.
  it.each([
    ['qemu-system-x86_64: -device {"driver":"virtio-blk-pci"}: Failed to get "write" lock', 'RESOURCE_IN_USE'],
    ["-netdev {}: Could not set up host forwarding rule 'tcp:127.0.0.1:15999-:22'", 'RESOURCE_IN_USE'],
    ['-vnc 127.0.0.1:10099: Failed to find an available port: Address already in use', 'RESOURCE_IN_USE'],
    ['vhost-vsock: unable to set guest cid: Address already in use', 'RESOURCE_IN_USE'],
    ["qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory", 'MEMORY_EXHAUSTED'],
    ['Could not open disk: No space left on device', 'DISK_EXHAUSTED'],
    [
      'Could not access KVM kernel module: Permission denied\nqemu-system-x86_64: failed to initialize kvm: Permission denied',
      'HOST_INCOMPATIBLE',
    ],
    ["-blockdev x: Could not open '/etc/shadow': Permission denied", 'HOST_INCOMPATIBLE'],
    ['could not configure /dev/net/tun (nope): Operation not permitted', 'HOST_INCOMPATIBLE'],
    ['vhost-vsock: failed to open vhost device: No such file or directory', 'HOST_INCOMPATIBLE'],
    [
      "warning: TCG doesn't support requested feature: CPUID.07H:EBX.rtm [bit 11]\nqemu-system-x86_64: TCG doesn't support requested features",
      'HOST_INCOMPATIBLE',
    ],
    ["-device x: 'x' is not a valid device model name", 'HYPERVISOR_FAILED'],
    ['', 'HYPERVISOR_FAILED'],
  ])('%j mean %s', (words, reason) => {
    const fault = startFailure(words, 'QEMU ended with exit code 1');
    expect(fault.reason).toBe(reason);
    expect(fault.message).toContain(words || 'exit code 1');
    expect(fault.metadata).toEqual({ stderr: words, ending: 'QEMU ended with exit code 1' });
  });

  it('are those since the last start, over the files of the log, without what it always says', async () => {
    const log = join(directory, '_qemu.log');
    expect(await lastWords(host, { path: log, files: 3 })).toBe('');
    writeFileSync(log, `${startLine(new Date(0), ['qemu', '--- start'])}old words\n`);
    expect(await lastWords(host, { path: log, files: 3 })).toBe('old words');
    utimesSync(log, 1, 1);
    writeFileSync(`${log}.1`, `2026-01-01T00:00:00Z qemu-system-x86_64: terminating on signal 15 from pid 1 (node)\nmore\n`);
    expect(await lastWords(host, { path: log, files: 3 })).toBe('old words\nmore');
    appendFileSync(
      `${log}.1`,
      `${startLine(new Date(0), ['qemu'])}qemu-system-x86_64: warning: TCG doesn't support requested feature: x\nnew words\n`,
    );
    expect(await lastWords(host, { path: log, files: 3 })).toBe('new words');
    appendFileSync(`${log}.1`, `${'x'.repeat(5000)}\n`);
    expect(await lastWords(host, { path: log, files: 3 })).toMatch(/^x{2000}$/);
  });
});
