import { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { UpdateDomainResult } from '@virtmesh/contracts/domain/v1/domain_service';
import { FilesystemsResult } from '@virtmesh/contracts/domain/v1/guest';
import { DumpDomainResult } from '@virtmesh/contracts/domain/v1/saved_state';
import type { Any } from '@virtmesh/contracts/google/protobuf/any';
import { BadRequest, ErrorInfo, RetryInfo } from '@virtmesh/contracts/google/rpc/error_details';
import { Operation } from '@virtmesh/contracts/operation/v1/operation';

interface Known {
  decode(bytes: Uint8Array): unknown;
  toJSON(message: never): unknown;
}

/** The messages that stand inside an Any in this contract. */
const known: Readonly<Record<string, Known>> = {
  'virtmesh.domain.v1.Domain': Domain,
  'virtmesh.domain.v1.UpdateDomainResult': UpdateDomainResult,
  'virtmesh.domain.v1.DumpDomainResult': DumpDomainResult,
  'virtmesh.domain.v1.FilesystemsResult': FilesystemsResult,
  'google.rpc.ErrorInfo': ErrorInfo,
  'google.rpc.BadRequest': BadRequest,
  'google.rpc.RetryInfo': RetryInfo,
};

/** An Any as proto3 JSON has it: the message's own fields beside `@type`. One of a type that is not known keeps its bytes. */
function anyJson(any: Any): unknown {
  const type = known[any.typeUrl.slice(any.typeUrl.lastIndexOf('/') + 1)];
  if (type === undefined)
    return any.value.length === 0 ? { '@type': any.typeUrl } : { '@type': any.typeUrl, value: Buffer.from(any.value).toString('base64') };
  const json = type.toJSON(type.decode(any.value) as never);
  return { '@type': any.typeUrl, ...(json as object) };
}

/** An operation as proto3 JSON. The generated code knows no Any, so these are put in by hand. */
export function operationJson(operation: Operation): unknown {
  const json = Operation.toJSON({ ...operation, result: undefined }) as object;
  switch (operation.result?.$case) {
    case 'error': {
      const { code, message, details } = operation.result.value;
      return { ...json, error: { code, message, details: details.map(anyJson) } };
    }
    case 'response':
      return { ...json, response: anyJson(operation.result.value) };
    case undefined:
      return json;
    default:
      return operation.result satisfies never;
  }
}
