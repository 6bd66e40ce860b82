import { describe, expect, it } from 'vitest';
import { hostOfServerName, serverNameFor } from './server-name.ts';

describe('TLS server names', () => {
  it.each([
    ['127.0.0.1:7700', '127.0.0.1'],
    ['[::1]:7700', '::1'],
    ['[2001:db8::7]:1', '2001:db8::7'],
  ])('carry the address of %s', (address, ip) => {
    const name = serverNameFor(address);
    expect(name).toMatch(/^[0-9a-f]{1,63}\.ip\.virtmesh\.invalid$/);
    expect(hostOfServerName(name ?? '')).toBe(ip);
  });

  it.each(['localhost:1', 'node.example:7700', 'unix:/run/x.sock', 'unix:/run/127.0.0.1:7'])('are left alone for %s', (address) => {
    expect(serverNameFor(address)).toBeUndefined();
  });

  it('that are names stay names', () => expect(hostOfServerName('node.example')).toBe('node.example'));
});
