import type { EventBus } from '@virtmesh/events';
import type { Fleet, FleetIndex, RelayObserver } from '@virtmesh/fleet';
import { addCounter, addGauge, type Metrics } from '@virtmesh/kit';

/** What this service measures of the fleet. */
export function measureFleet(metrics: Metrics, parts: { fleet: Fleet; index: FleetIndex; bus: EventBus; unwritten: () => number }): void {
  const nodesBy = (state: string): number => parts.fleet.links.filter((link) => link.state.t === state).length;
  addGauge(metrics, {
    name: 'virtmesh_fleet_nodes',
    help: 'Nodes by the state of the connection to their agents.',
    label: 'state',
    read: () => ({ connecting: nodesBy('connecting'), ready: nodesBy('ready'), unreachable: nodesBy('unreachable') }),
  });
  addGauge(metrics, { name: 'virtmesh_fleet_domains', help: 'Domains in the index.', read: () => parts.index.size });
  addGauge(metrics, {
    name: 'virtmesh_nats_connected',
    help: 'Whether NATS is connected.',
    read: () => (parts.bus.status.t === 'connected' ? 1 : 0),
  });
  addGauge(metrics, {
    name: 'virtmesh_copies_unwritten',
    help: 'Last-known copies that are not written to NATS yet.',
    read: parts.unwritten,
  });
}

/** What this service measures of its relays. */
export function relayObserver(metrics: Metrics): RelayObserver {
  const published = addCounter(metrics, {
    name: 'virtmesh_relay_published_total',
    help: 'Events published in NATS, by kind.',
    labels: ['kind'],
  });
  const anew = addCounter(metrics, {
    name: 'virtmesh_relay_begun_anew_total',
    help: 'How often a relay went back to what was published last, by kind and cause.',
    labels: ['kind', 'why'],
  });
  return { published: (_node, kind, count) => published({ kind }, count), beganAnew: (_node, kind, why) => anew({ kind, why }, 1) };
}
