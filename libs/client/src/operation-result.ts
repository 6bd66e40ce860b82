import { Fault } from '@virtmesh/base';
import { Domain } from '@virtmesh/contracts/domain/v1/domain';
import { UpdateDomainResult } from '@virtmesh/contracts/domain/v1/domain_service';
import { FilesystemsResult } from '@virtmesh/contracts/domain/v1/guest';
import { DumpDomainResult } from '@virtmesh/contracts/domain/v1/saved_state';
import type { Any } from '@virtmesh/contracts/google/protobuf/any';
import { type Operation, OperationState } from '@virtmesh/contracts/operation/v1/operation';
import { faultFromStatus } from '@virtmesh/kit/client';

/** What an operation answered, by the type that it names. */
export type OperationResult =
  | { readonly $case: 'domain'; readonly value: Domain }
  | { readonly $case: 'update'; readonly value: UpdateDomainResult }
  | { readonly $case: 'dump'; readonly value: DumpDomainResult }
  | { readonly $case: 'filesystems'; readonly value: FilesystemsResult }
  | { readonly $case: 'empty' }
  /** Of a type that this release does not know. */
  | { readonly $case: 'other'; readonly value: Any };

export function isDone(operation: Operation): boolean {
  return (
    operation.state === OperationState.SUCCEEDED ||
    operation.state === OperationState.FAILED ||
    operation.state === OperationState.CANCELLED
  );
}

/** The answer of an operation that has ended; throws the Fault of one that failed or was cancelled. */
export function resultOf(operation: Operation): OperationResult {
  const { result } = operation;
  if (result?.$case === 'error') throw faultFromStatus(result.value);
  if (operation.state !== OperationState.SUCCEEDED) {
    throw new Fault('INTERNAL_BUG', `the operation ${operation.name} ended without saying how`, {
      operation: operation.name,
      incident: operation.name,
    });
  }
  return result === undefined ? { $case: 'empty' } : decoded(result.value);
}

function decoded(any: Any): OperationResult {
  switch (any.typeUrl.slice(any.typeUrl.lastIndexOf('/') + 1)) {
    case 'virtmesh.domain.v1.Domain':
      return { $case: 'domain', value: Domain.decode(any.value) };
    case 'virtmesh.domain.v1.UpdateDomainResult':
      return { $case: 'update', value: UpdateDomainResult.decode(any.value) };
    case 'virtmesh.domain.v1.DumpDomainResult':
      return { $case: 'dump', value: DumpDomainResult.decode(any.value) };
    case 'virtmesh.domain.v1.FilesystemsResult':
      return { $case: 'filesystems', value: FilesystemsResult.decode(any.value) };
    case 'google.protobuf.Empty':
      return { $case: 'empty' };
    default:
      return { $case: 'other', value: any };
  }
}
