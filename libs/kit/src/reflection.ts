import { Code, Fault } from '@virtmesh/base';
import { ServerReflectionService as V1 } from '@virtmesh/contracts/grpc/reflection/v1/reflection';
import {
  type ServerReflectionRequest,
  ServerReflectionResponse,
  ServerReflectionService as V1Alpha,
} from '@virtmesh/contracts/grpc/reflection/v1alpha/reflection';
import type { DescriptorIndex } from './descriptor-index.ts';
import { defineService, type ServiceBinding } from './rpc/service.ts';

/**
 * grpc.reflection v1 and v1alpha over a serialized FileDescriptorSet, which is read when it is first asked for.
 * `services` are the names to list.
 */
export function reflection(descriptorSet: () => Uint8Array, services: readonly string[]): ServiceBinding[] {
  const own = [V1, V1Alpha].map((definition) => definition.serverReflectionInfo.path.split('/')[1] ?? '');
  const listed = [...services, ...own].toSorted();
  let loading: Promise<DescriptorIndex> | undefined;
  const load = (): Promise<DescriptorIndex> => {
    // Loaded late: the descriptor library costs memory and start time, and reflection is rarely used.
    loading ??= import('./descriptor-index.ts').then(({ DescriptorIndex }) => new DescriptorIndex(descriptorSet()));
    return loading;
  };
  async function* answers(requests: AsyncIterable<ServerReflectionRequest>): AsyncGenerator<ServerReflectionResponse> {
    for await (const request of requests) yield answer(request, await load(), listed);
  }
  // The messages of both versions are the same on the wire and in their types.
  const handlers = { serverReflectionInfo: answers };
  const role = { serverReflectionInfo: 'viewer' } as const;
  return [defineService(V1, handlers, role), defineService(V1Alpha, handlers, role)];
}

function answer(request: ServerReflectionRequest, index: DescriptorIndex, services: readonly string[]): ServerReflectionResponse {
  const response = (messageResponse: NonNullable<ServerReflectionResponse['messageResponse']>): ServerReflectionResponse =>
    ServerReflectionResponse.fromPartial({ validHost: request.host, originalRequest: request, messageResponse });
  const asked = request.messageRequest;
  try {
    switch (asked?.$case) {
      case 'listServices':
        return response({ $case: 'listServicesResponse', value: { service: services.map((name) => ({ name })) } });
      case 'fileByFilename':
        return response(files(index.fileNamed(asked.value)));
      case 'fileContainingSymbol':
        return response(files(index.fileOfSymbol(asked.value)));
      case 'fileContainingExtension':
        return response(files(index.fileOfExtension(asked.value.containingType, asked.value.extensionNumber)));
      case 'allExtensionNumbersOfType':
        return response({
          $case: 'allExtensionNumbersResponse',
          value: { baseTypeName: asked.value, extensionNumber: index.extensionNumbers(asked.value) },
        });
      case undefined:
        return response({
          $case: 'errorResponse',
          value: { errorCode: Code.INVALID_ARGUMENT, errorMessage: 'the request asks for nothing' },
        });
      default:
        return asked satisfies never;
    }
  } catch (thrown) {
    const fault = Fault.from(thrown);
    if (fault.reason === 'INTERNAL_BUG') throw fault;
    return response({ $case: 'errorResponse', value: { errorCode: Code.NOT_FOUND, errorMessage: fault.message } });
  }
}

function files(fileDescriptorProto: Buffer[]): NonNullable<ServerReflectionResponse['messageResponse']> {
  return { $case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
}
