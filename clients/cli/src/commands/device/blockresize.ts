import { ResizeDomainDiskRequest } from '@virtmesh/contracts/domain/v1/device';
import { formatBytes, isDeviceId } from '@virtmesh/base';
import { diskNamed } from '../../domain/find-device.ts';
import { aboutDomain } from '../../domain/lookup.ts';
import { readChanged } from '../../domain/read-changed.ts';
import { shortName } from '../../domain-reference.ts';
import type { Invocation } from '../../invocation.ts';
import { showOperations, tellLine } from '../../operation/act.ts';
import { begin } from '../../operation/follow.ts';
import { parseSizeWithUnit } from '../../spec/byte-size.ts';

export async function run(invocation: Invocation): Promise<void> {
  const [argument, reference = '', size = ''] = invocation.args;
  const sizeBytes = parseSizeWithUnit(size);
  let disk = reference;
  const operation = await aboutDomain(invocation, argument, async (connection, name) => {
    if (!isDeviceId(reference)) disk = diskNamed(await readChanged(invocation, name), reference).id;
    return await begin(
      invocation,
      connection,
      (head) =>
        connection.domains.resizeDomainDisk(
          ResizeDomainDiskRequest.fromPartial({ ...head, name, disk, sizeBytes }),
          invocation.callOptions,
        ),
      { alone: true },
    );
  });
  await tellLine(invocation, operation, `${disk} of domain ${shortName(operation.target)} has ${formatBytes(sizeBytes)} now`);
  await showOperations(invocation, [operation]);
}
