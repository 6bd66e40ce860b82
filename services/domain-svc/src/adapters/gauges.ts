import { Counter, Gauge } from '@prometheus-io/client';
import type { EventBus } from '@virtmesh/events';
import type { Fleet, FleetIndex, RelayObserver } from '@virtmesh/fleet';
import type { Metrics } from '@virtmesh/kit';

/** What this service measures of the fleet. */
export function measureFleet(metrics: Metrics, parts: { fleet: Fleet; index: FleetIndex; bus: EventBus; unwritten: () => number }): void {
  const registers = [metrics.registry];
  const nodes = new Gauge({
    name: 'virtmesh_fleet_nodes',
    help: 'Nodes by the state of the connection to their agents.',
    labelNames: ['state'] as const,
    registers,
    collect: () => {
      for (const state of ['connecting', 'ready', 'unreachable'] as const) nodes.set({ state }, parts.fleet.links.filter((link) => link.state.t === state).length);
    },
  });
  const domains: Gauge = new Gauge({ name: 'virtmesh_fleet_domains', help: 'Domains in the index.', registers, collect: () => domains.set(parts.index.size) });
  const nats: Gauge = new Gauge({ name: 'virtmesh_nats_connected', help: 'Whether NATS is connected.', registers, collect: () => nats.set(parts.bus.status.t === 'connected' ? 1 : 0) });
  const unwritten: Gauge = new Gauge({ name: 'virtmesh_copies_unwritten', help: 'Last-known copies that are not written to NATS yet.', registers, collect: () => unwritten.set(parts.unwritten()) });
}

/** What this service measures of its relays. */
export function relayObserver(metrics: Metrics): RelayObserver {
  const registers = [metrics.registry];
  const published = new Counter({ name: 'virtmesh_relay_published_total', help: 'Events published in NATS, by kind.', labelNames: ['kind'] as const, registers });
  const anew = new Counter({ name: 'virtmesh_relay_begun_anew_total', help: 'How often a relay went back to what was published last, by kind and cause.', labelNames: ['kind', 'why'] as const, registers });
  return { published: (_node, kind, count) => published.inc({ kind }, count), beganAnew: (_node, kind, why) => anew.inc({ kind, why }) };
}
