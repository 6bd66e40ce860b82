import { readFileSync } from 'node:fs';
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema, MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { isRole } from './caller.ts';
import { domainRoles, nodeRoles, operationRoles } from './method-roles.ts';

const tables: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'virtmesh.domain.v1.DomainService': domainRoles,
  'virtmesh.node.v1.NodeService': nodeRoles,
  'virtmesh.operation.v1.OperationService': operationRoles,
};

// What only services call has an audience, not roles.
const image = readFileSync(new URL('../../../contracts/src/gen/image.binpb', import.meta.url));
const services = [...createFileRegistry(fromBinary(FileDescriptorSetSchema, image))].filter(
  (type) => type.kind === 'service' && type.typeName.startsWith('virtmesh.') && !type.typeName.startsWith('virtmesh.agent.'),
);

test('each service of the contract has its roles here', () => {
  expect(services.map(({ typeName }) => typeName).toSorted()).toEqual(Object.keys(tables).toSorted());
});

test('each rpc has a role, and none is of an rpc that there is not', () => {
  for (const service of services) {
    if (service.kind !== 'service') continue;
    const table = tables[service.typeName] ?? {};
    expect(Object.keys(table).toSorted()).toEqual(service.methods.map(({ localName }) => localName).toSorted());
    expect(Object.values(table).filter((role) => !isRole(role))).toEqual([]);
  }
});

test('viewers may call what only reads, and nothing that changes a thing', () => {
  for (const service of services) {
    if (service.kind !== 'service') continue;
    for (const method of service.methods) {
      const reads = method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS || method.localName === 'openDomainConsole';
      expect([method.localName, tables[service.typeName]?.[method.localName] === 'viewer']).toEqual([method.localName, reads]);
    }
  }
});
