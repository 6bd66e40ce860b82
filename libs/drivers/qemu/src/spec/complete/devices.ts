import { type Channel, ChannelKind } from '@virtmesh/contracts/domain/v1/channel';
import type { DomainSpec } from '@virtmesh/contracts/domain/v1/domain_spec';
import type { Graphics } from '@virtmesh/contracts/domain/v1/graphics';
import type { Rng } from '@virtmesh/contracts/domain/v1/rng';
import type { Serial } from '@virtmesh/contracts/domain/v1/serial';
import { Video, VideoModel } from '@virtmesh/contracts/domain/v1/video';
import { type Watchdog, WatchdogAction, WatchdogModel } from '@virtmesh/contracts/domain/v1/watchdog';
import { nameDevices } from '@virtmesh/driver-spi';
import { MiB } from '@virtmesh/base';

/** The name by which the guest agent finds its channel. */
export const guestAgentTarget = 'org.qemu.guest_agent.0';

/** Ports by the order of the definition where none has one; else they stay as they are. */
export function completeSerials(serials: readonly Serial[]): void {
  if (serials.some(({ port }) => port !== 0)) return;
  for (const [index, serial] of serials.entries()) serial.port = index;
}

export function completeChannels(channels: readonly Channel[]): void {
  for (const channel of channels) {
    if (channel.targetName !== '') continue;
    if (channel.kind === ChannelKind.GUEST_AGENT) channel.targetName = guestAgentTarget;
    if (channel.kind === ChannelKind.SOCKET) channel.targetName = `virtmesh.${channel.id}`;
  }
}

export function completeGraphics(graphics: readonly Graphics[]): void {
  for (const { protocol } of graphics) {
    if (protocol?.$case === 'vnc') protocol.value.listenAddress ||= '127.0.0.1';
  }
}

/** A graphical console needs something to show. */
export function completeVideos(spec: DomainSpec): void {
  if (spec.graphics.length > 0 && spec.videos.length === 0) {
    spec.videos = [Video.fromPartial({})];
    nameDevices(spec);
  }
  for (const video of spec.videos) {
    video.model ||= VideoModel.VGA;
    if (video.model === VideoModel.VGA && video.memoryBytes === 0n) video.memoryBytes = 16n * MiB;
  }
}

export function completeRngs(rngs: readonly Rng[]): void {
  for (const rng of rngs) rng.periodMs ||= 1000;
}

export function completeWatchdog(watchdog: Watchdog): void {
  watchdog.model ||= WatchdogModel.I6300ESB;
  watchdog.action ||= WatchdogAction.RESET;
}
