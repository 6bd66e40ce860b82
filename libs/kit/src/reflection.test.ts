import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { DomainServiceService } from '@virtmesh/contracts/domain/v1/domain_service';
import { ServerReflectionRequest, ServerReflectionService as V1 } from '@virtmesh/contracts/grpc/reflection/v1/reflection';
import { ServerReflectionService as V1Alpha } from '@virtmesh/contracts/grpc/reflection/v1alpha/reflection';
import { Node } from '@virtmesh/contracts/node/v1/node';
import { expect, test } from 'vitest';
import { createClient, defineService } from './index.ts';
import { nodeService, startLocal } from './testing/fixture.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const run = promisify(execFile);

/** buf as a client that knows nothing of the contract but what the server tells. */
async function bufCurl(socket: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(
    `${root}node_modules/.bin/buf`,
    ['curl', '--unix-socket', socket, '--http2-prior-knowledge', '--protocol', 'grpc', ...args],
    { cwd: '/', timeout: 15_000 },
  );
  return stdout;
}

/** DomainService, whose files import most of the contract. */
const { getDomain } = DomainServiceService;
const domainService = defineService(
  { getDomain },
  {
    getDomain: () => {
      throw new Error('not called');
    },
  },
  { getDomain: 'viewer' },
);

test.each(['grpc-v1', 'grpc-v1alpha'])(
  'buf lists and calls over reflection %s',
  async (protocol) => {
    const { path } = await startLocal([nodeService({ getNode: ({ name }) => Node.fromPartial({ name, uid: 'u' }) }), domainService]);
    const listed = await bufCurl(path, '--reflect-protocol', protocol, '--list-methods', 'http://localhost');
    expect(listed).toContain('virtmesh.domain.v1.DomainService/CreateDomain');
    expect(listed).toContain('virtmesh.node.v1.NodeService/WatchNodes');
    expect(listed).toContain('grpc.health.v1.Health/Check');
    const answer = await bufCurl(
      path,
      '--reflect-protocol',
      protocol,
      '--data',
      '{"name":"nodes/n1"}',
      'http://localhost/virtmesh.node.v1.NodeService/GetNode',
    );
    expect(JSON.parse(answer)).toMatchObject({ name: 'nodes/n1', uid: 'u' });
  },
  40_000,
);

test.each([
  ['v1', V1],
  ['v1alpha', V1Alpha],
] as const)('every kind of question, %s', async (_name, definition) => {
  const { channel } = await startLocal([nodeService()]);
  const questions: ServerReflectionRequest['messageRequest'][] = [
    { $case: 'listServices', value: '' },
    { $case: 'fileByFilename', value: 'virtmesh/node/v1/node_service.proto' },
    { $case: 'fileContainingSymbol', value: 'virtmesh.node.v1.NodeService.GetNode' },
    { $case: 'fileContainingSymbol', value: 'virtmesh.domain.v1.DomainSpec' },
    { $case: 'fileContainingSymbol', value: 'virtmesh.domain.v1.DomainSpec.title' },
    { $case: 'fileContainingSymbol', value: 'no.Such' },
    { $case: 'fileByFilename', value: 'no/such.proto' },
    { $case: 'allExtensionNumbersOfType', value: 'virtmesh.node.v1.Node' },
    { $case: 'fileContainingExtension', value: { containingType: 'virtmesh.node.v1.Node', extensionNumber: 7 } },
    undefined,
  ];
  async function* asked(): AsyncGenerator<ServerReflectionRequest> {
    for (const messageRequest of questions) yield ServerReflectionRequest.fromPartial({ host: 'h', messageRequest });
  }
  const answers = [];
  for await (const { messageResponse } of createClient(definition, channel).serverReflectionInfo(asked())) answers.push(messageResponse);
  const [services, byName, byMethod, byType, byField, noSymbol, noFile, numbers, noExtension, nothing] = answers;
  expect(services?.$case === 'listServicesResponse' && services.value.service.map(({ name }) => name)).toEqual([
    'grpc.health.v1.Health',
    'grpc.reflection.v1.ServerReflection',
    'grpc.reflection.v1alpha.ServerReflection',
    'virtmesh.node.v1.NodeService',
  ]);
  expect(filesOf(byName)).toEqual(filesOf(byMethod));
  expect(filesOf(byName)[0]).toBe('virtmesh/node/v1/node_service.proto');
  expect(filesOf(byName)).toEqual(
    expect.arrayContaining(['google/protobuf/timestamp.proto', 'virtmesh/event/v1/event.proto', 'virtmesh/node/v1/node.proto']),
  );
  expect(filesOf(byType)[0]).toBe('virtmesh/domain/v1/domain_spec.proto');
  expect(filesOf(byField)).toEqual(filesOf(byType));
  expect(new Set(filesOf(byType)).size).toBe(filesOf(byType).length);
  expect(numbers).toMatchObject({ $case: 'allExtensionNumbersResponse', value: { extensionNumber: [] } });
  for (const missing of [noSymbol, noFile, noExtension]) expect(missing).toMatchObject({ $case: 'errorResponse', value: { errorCode: 5 } });
  expect(nothing).toMatchObject({ $case: 'errorResponse', value: { errorCode: 3 } });
});

function filesOf(response: { $case: string; value: unknown } | undefined): string[] {
  if (response?.$case !== 'fileDescriptorResponse') throw new Error(`no files but ${JSON.stringify(response)}`);
  const { fileDescriptorProto } = response.value as { fileDescriptorProto: Uint8Array[] };
  return fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
}
