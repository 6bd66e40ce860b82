import { Channel, type ChannelCredentials, type ChannelOptions, credentials } from '@grpc/grpc-js';
import { serverNameFor } from '../auth/server-name.ts';
import { quietGrpc } from './quiet-grpc.ts';

export interface ChannelSettings {
  /** Clear text if left out. */
  readonly credentials?: ChannelCredentials;
  /** The largest response message; 64 MiB if left out. */
  readonly maxReceiveBytes?: number;
  /** How often a connection with calls under way is asked for a sign of life; 20 s if left out. */
  readonly keepaliveMs?: number;
  /** How long an unanswered sign of life is waited for; 10 s if left out. */
  readonly keepaliveTimeoutMs?: number;
  /** Pings also a connection without calls. */
  readonly keepaliveWhenIdle?: boolean;
  /** Further options of grpc-js. */
  readonly options?: ChannelOptions;
}

/** A connection to a server, made when it is first used and again when it was lost. `address` is grpc-js's: `unix:/path` or `host:port`. */
export function openChannel(address: string, settings: ChannelSettings = {}): Channel {
  quietGrpc();
  const serverName = settings.credentials === undefined ? undefined : serverNameFor(address);
  return new Channel(address, settings.credentials ?? credentials.createInsecure(), {
    'grpc.max_receive_message_length': settings.maxReceiveBytes ?? 64 * 1024 * 1024,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': settings.keepaliveMs ?? 20_000,
    'grpc.keepalive_timeout_ms': settings.keepaliveTimeoutMs ?? 10_000,
    'grpc.keepalive_permit_without_calls': settings.keepaliveWhenIdle === true ? 1 : 0,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 5_000,
    'grpc.enable_channelz': 0,
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
    // Two channels to one address may have different credentials, and closing one must close its connection.
    'grpc.use_local_subchannel_pool': 1,
    ...(serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName }),
    ...settings.options,
  });
}
