import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from './fault.ts';
import {
  domainName,
  isDeviceId,
  isDomainId,
  isNodeId,
  isUuid,
  operationName,
  parseDomainName,
  parseNodeName,
  parseOperationName,
} from './names.ts';

const nodes = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/);
const ids = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/);

describe('names', () => {
  it('read back what was written', () => {
    fc.assert(
      fc.property(nodes, ids, fc.uuid(), (node, id, uid) => {
        expect(parseDomainName(domainName(node, id))).toEqual({ node, id, uid: undefined });
        expect(parseDomainName(domainName(node, `uid:${uid.toUpperCase()}`))).toEqual({ node, id: undefined, uid });
        expect(parseNodeName(`nodes/${node}`)).toBe(node);
        expect(parseOperationName(operationName(node, uid))).toEqual({ node, id: uid });
      }),
    );
  });

  it('are accepted in their one form only', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 80 }), fc.string({ unit: 'binary', maxLength: 80 })), (id) => {
        const name = `nodes/n1/domains/${id}`;
        if (isDomainId(id)) expect(parseDomainName(name).id).toBe(id);
        else if (id.startsWith('uid:') && isUuid(id.slice(4).toLowerCase()))
          expect(parseDomainName(name).uid).toBe(id.slice(4).toLowerCase());
        else expect(() => parseDomainName(name)).toThrow(Fault);
      }),
    );
  });

  it.each(['', '.', '..', 'a/b', '-a', '_a', 'a b', 'a\n', 'a,b', '../x', 'ä', 'a'.repeat(64), '%2e', 'a\0'])(
    'refuse %j as a domain',
    (id) => {
      expect(isDomainId(id)).toBe(false);
      expect(() => parseDomainName(`nodes/n1/domains/${id}`)).toThrow(expect.objectContaining({ reason: 'NAME_INVALID' }));
    },
  );

  it.each(['N1', 'n_1', '-n', 'n-', 'n.1', '', 'n'.repeat(64)])('refuse %j as a node', (node) => {
    expect(isNodeId(node)).toBe(false);
    expect(() => parseNodeName(`nodes/${node}`)).toThrow(expect.objectContaining({ reason: 'NAME_INVALID' }));
  });

  it.each([
    'domains/web',
    'nodes/n1',
    'nodes/n1/domains',
    'nodes/n1/domains/a/b',
    'nodes/n1/networks/a',
    '/nodes/n1/domains/a',
    'nodes/n1/domains/uid:1',
  ])('refuse %j as a domain name', (name) => {
    expect(() => parseDomainName(name, 'target')).toThrow(
      expect.objectContaining({ reason: 'NAME_INVALID', violations: [expect.objectContaining({ field: 'target' })] }),
    );
  });

  it.each([
    ['a node', () => parseNodeName('n1', 'parent')],
    ['a node of an impossible form', () => parseNodeName('nodes/N1', 'parent')],
    ['a domain', () => parseDomainName('web', 'parent')],
    ['a domain of an impossible node', () => parseDomainName('nodes/N1/domains/web', 'parent')],
    ['a domain of an impossible uid', () => parseDomainName('nodes/n1/domains/uid:1', 'parent')],
    ['a domain of an impossible form', () => parseDomainName('nodes/n1/domains/a b', 'parent')],
    ['an operation', () => parseOperationName('nodes/n1/operations/1', 'parent')],
  ])('say which field does not name %s', (_what, parse) => {
    expect(parse).toThrow(expect.objectContaining({ reason: 'NAME_INVALID', violations: [expect.objectContaining({ field: 'parent' })] }));
  });

  it('accept - for any node', () => {
    expect(parseDomainName('nodes/-/domains/web').node).toBe('-');
    expect(parseNodeName('nodes/-')).toBe('-');
  });

  it('do not repeat endless input in the message', () => {
    expect(() => parseDomainName('x'.repeat(100_000))).toThrow(/^.{0,600}$/s);
  });

  it('know device ids', () => {
    expect(isDeviceId('disk0')).toBe(true);
    for (const bad of ['0disk', 'Disk', 'disk_0', '', 'd'.repeat(33), 'a,b=c']) expect(isDeviceId(bad)).toBe(false);
  });
});
