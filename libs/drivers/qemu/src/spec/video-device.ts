import { VideoModel } from '@virtmesh/contracts/domain/v1/video';

const devices: Readonly<Record<number, string>> = {
  [VideoModel.VGA]: 'VGA',
  [VideoModel.VIRTIO]: 'virtio-vga',
  [VideoModel.BOCHS]: 'bochs-display',
};

/** QEMU's name of a video adapter. */
export function videoDevice(model: VideoModel): string | undefined {
  return devices[model];
}
