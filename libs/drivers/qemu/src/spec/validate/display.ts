import { isIP } from 'node:net';
import type { Violation } from '@virtmesh/base';
import { MiB } from '@virtmesh/base';
import { type Vnc } from '@virtmesh/contracts/domain/v1/graphics';
import { VideoModel } from '@virtmesh/contracts/domain/v1/video';
import { videoDevice } from '../video-device.ts';
import { type Rule, violation } from './rule.ts';

const passwordForm = /^[\x21-\x7e]{1,8}$/;
const maxVideoMiB = 512n;

export const graphics: Rule = function* ({ graphics }) {
  const listeners = new Map<string, number>();
  for (const [index, { protocol }] of graphics.entries()) {
    const field = `graphics[${index}]`;
    if (!protocol) {
      yield violation(`${field}.protocol`, 'is required: vnc');
      continue;
    }
    yield* vnc(protocol.value, `${field}.vnc`);
    if (protocol.value.port === 0) continue;
    const key = `${protocol.value.listenAddress} ${protocol.value.port}`;
    const earlier = listeners.get(key);
    if (earlier === undefined) listeners.set(key, index);
    else yield violation(`${field}.vnc.port`, `is also the port of graphics[${earlier}]; leave it out to have a free one chosen`);
  }
};

function* vnc({ listenAddress, port, password }: Vnc, field: string): Generator<Violation> {
  if (isIP(listenAddress) === 0 || listenAddress.includes('%'))
    yield violation(`${field}.listen_address`, 'must be an IP address of the node, 0.0.0.0 or :: for all');
  if (port !== 0 && (port < 5900 || port > 65_535))
    yield violation(`${field}.port`, 'must be 5900 to 65535; leave it out to have a free one chosen');
  // More or other characters would be cut or changed by the protocol, and the password would not be what was asked for.
  if (password !== '' && !passwordForm.test(password))
    yield violation(`${field}.password`, 'must be 1 to 8 printable ASCII characters without spaces, which is all that VNC carries');
}

export const videos: Rule = function* ({ videos }, { binary }) {
  let withVga: number | undefined;
  for (const [index, { model, memoryBytes }] of videos.entries()) {
    const field = `videos[${index}]`;
    const device = videoDevice(model);
    if (device !== undefined && !binary.devices.has(device))
      yield violation(`${field}.model`, `this node's QEMU has no ${device}; use another model`);
    if (memoryBytes !== 0n && model !== VideoModel.VGA) yield violation(`${field}.memory_bytes`, 'is for model VGA alone; leave it out');
    else if (memoryBytes !== 0n && !isPowerOfTwoMiB(memoryBytes))
      yield violation(`${field}.memory_bytes`, `must be a power of two from 1 MiB to ${maxVideoMiB} MiB`);
    if (model === VideoModel.BOCHS) continue;
    if (withVga === undefined) withVga = index;
    else yield violation(`${field}.model`, `a machine has one VGA adapter, which is videos[${withVga}]; use BOCHS for more`);
  }
};

function isPowerOfTwoMiB(bytes: bigint): boolean {
  const count = bytes / MiB;
  return bytes % MiB === 0n && count >= 1n && count <= maxVideoMiB && (count & (count - 1n)) === 0n;
}
