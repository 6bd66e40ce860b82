import { describe, expect, it } from 'vitest';
import type { ShutdownCause } from '../qmp/index.ts';
import { endingOf } from './ending.ts';

const told = (cause: ShutdownCause) => ({ byGuest: true, cause });

describe('how a guest ended', () => {
  it.each([
    ['a destruction', true, told('host-signal'), { code: 0, signal: undefined }, 'destroyed'],
    ['a kill by us', true, undefined, { code: undefined, signal: 'SIGKILL' }, 'destroyed'],
    ['its own power-off', false, told('guest-shutdown'), { code: 0, signal: undefined }, 'shutdown'],
    ['a reboot that ends it', false, told('guest-reset'), { code: 0, signal: undefined }, 'shutdown'],
    ['a panic', false, told('guest-panic'), { code: 0, signal: undefined }, 'crashed'],
    ['a signal of another', false, told('host-signal'), { code: 0, signal: undefined }, 'destroyed'],
    ['an error of QEMU', false, told('host-error'), { code: 1, signal: undefined }, 'crashed'],
    ['a kill by another', false, undefined, { code: undefined, signal: 'SIGKILL' }, 'crashed'],
    ['an abort', false, undefined, { code: undefined, signal: 'SIGABRT' }, 'crashed'],
    ['an exit that was not announced', false, undefined, { code: 0, signal: undefined }, 'shutdown'],
    ['an unseen end', false, undefined, undefined, 'crashed'],
  ] as const)('%s', (_, destroying, shutdown, status, how) => {
    expect(endingOf(destroying, shutdown, status).how).toBe(how);
  });

  it('says what the kernel told', () => {
    expect(endingOf(false, undefined, { code: undefined, signal: 'SIGSEGV' }).message).toBe('QEMU was killed by SIGSEGV');
    expect(endingOf(false, undefined, { code: 1, signal: undefined }).message).toBe('QEMU ended with exit code 1');
  });
});
