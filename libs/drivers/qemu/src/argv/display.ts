import { isIPv6 } from 'node:net';
import { MiB } from '@virtmesh/base';
import { VideoModel } from '@virtmesh/contracts/domain/v1/video';
import { qemuIds } from '../launch.ts';
import { videoDevice } from '../spec/video-device.ts';
import { device, keyed } from './arguments.ts';
import { addressOf, type Builder, incomplete } from './context.ts';

const firstVncPort = 5900;

/** The password itself is set over QMP: a command line can be read by everyone on the host. */
export const graphics: Builder = ({ spec, input }) =>
  spec.graphics.flatMap(({ id, protocol }) => {
    const { listenAddress, port } = protocol?.value ?? incomplete(`protocol of ${id}`);
    if (port < firstVncPort) return incomplete(`VNC port of ${id}`);
    const address = isIPv6(listenAddress) ? `[${listenAddress}]` : listenAddress;
    return keyed('-vnc', `${address}:${port - firstVncPort}`, { id: qemuIds.vnc(id), password: input.vncPasswords.has(id) || undefined });
  });

export const videos: Builder = (context) =>
  context.spec.videos.flatMap(({ id, model, memoryBytes }) =>
    device(videoDevice(model) ?? incomplete(`model of ${id}`), {
      id: qemuIds.device(id),
      ...addressOf(context, id),
      vgamem_mb: model === VideoModel.VGA && memoryBytes > 0n ? Number(memoryBytes / MiB) : undefined,
    }),
  );
