import { expect, test } from 'vitest';
import { startFailure, wordsOf } from './words.ts';

test("LXC's words are those that say why", () => {
  const log = [
    'lxc-start x 20261122025329.207 ERROR    confile - ../src/lxc/confile.c:get_config_unsupported_key:170 - Invalid argument - Unsupported config key "lxc.seccomp"',
    'lxc-start x 20261122030141.520 ERROR    start - ../src/lxc/start.c:start:2196 - No such file or directory - Failed to exec "/nonexistent"',
    'lxc-start x 20261122030141.520 ERROR    sync - ../src/lxc/sync.c:sync_wait:34 - An error occurred in another process (expected sequence number 7)',
    'lxc-start x 20261122030141.522 ERROR    lxc_start - ../src/lxc/tools/lxc_start.c:main:306 - The container failed to start',
    'noise',
  ].join('\n');
  expect(wordsOf(log)).toBe(
    'No such file or directory - Failed to exec "/nonexistent"; An error occurred in another process (expected sequence number 7)',
  );
  expect(wordsOf('')).toBe('');
});

test('a failure names what in the definition is at fault, where the words tell it', () => {
  const words = 'Permission denied - Failed to exec "/bin"; An error occurred in another process (expected sequence number 7)';
  expect(startFailure(words)).toMatchObject({
    reason: 'HOST_INCOMPATIBLE',
    message: expect.stringMatching(/^spec\.container\.init\.path: cannot be run in the container: Permission denied; /) as unknown,
    metadata: { field: 'spec.container.init.path', words },
  });
  expect(startFailure('').message).toBe('LXC could not start the container: it gave no reason');
  expect(startFailure('No space left')).toMatchObject({ reason: 'HYPERVISOR_FAILED', metadata: { words: 'No space left' } });
});
