import { Fault } from '@virtmesh/base';
import { BlockStats, InterfaceStats } from '@virtmesh/contracts/domain/v1/stats';
import type { Stats } from '@virtmesh/driver-spi';
import type { DriverContext } from '../context.ts';
import { callGuest } from '../lifecycle/call-guest.ts';

const bytesInRequest = 4096;
const bytesInPacket = 1024;
const nsInRequest = 100_000;

export const statsFeature = (context: DriverContext): Stats => ({
  stats: async (guest, active, signal) => {
    try {
      const used = await callGuest(context, guest, 'stats', {}, signal);
      const userNs = Math.floor(used.cpuNs * 0.8);
      return {
        cpu: { timeNs: BigInt(used.cpuNs), userNs: BigInt(userNs), systemNs: BigInt(used.cpuNs - userNs), vcpus: used.vcpus },
        memory: {
          currentBytes: BigInt(used.memoryBytes),
          maximumBytes: active.memory?.sizeBytes ?? 0n,
          residentBytes: BigInt(used.memoryBytes),
        },
        blocks: used.disks.map(({ id, read, written }) =>
          BlockStats.fromPartial({
            id,
            readBytes: BigInt(read),
            readRequests: BigInt(Math.floor(read / bytesInRequest)),
            readNs: BigInt(Math.floor(read / bytesInRequest) * nsInRequest),
            writeBytes: BigInt(written),
            writeRequests: BigInt(Math.floor(written / bytesInRequest)),
            writeNs: BigInt(Math.floor(written / bytesInRequest) * nsInRequest),
          }),
        ),
        interfaces: used.interfaces.map(({ id, received, sent }) =>
          InterfaceStats.fromPartial({
            id,
            receiveBytes: BigInt(received),
            receivePackets: BigInt(Math.floor(received / bytesInPacket)),
            transmitBytes: BigInt(sent),
            transmitPackets: BigInt(Math.floor(sent / bytesInPacket)),
          }),
        ),
      };
    } catch (thrown) {
      return { blocks: [], interfaces: [], fault: Fault.from(thrown) };
    }
  },
});
