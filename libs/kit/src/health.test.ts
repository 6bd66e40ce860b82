import {
  HealthCheckRequest,
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthListRequest,
  HealthService,
} from '@virtmesh/contracts/grpc/health/v1/health';
import { expect, test } from 'vitest';
import { createClient, Health } from './index.ts';
import { failure, nodeService, startLocal } from './testing/fixture.ts';

const name = 'virtmesh.node.v1.NodeService';
const of = (service: string): HealthCheckRequest => HealthCheckRequest.fromPartial({ service });

test('all services serve unless they say otherwise', async () => {
  const health = new Health();
  health.set('virtmesh.domain.v1.DomainService', false);
  const { channel, server } = await startLocal([nodeService()], { health });
  const client = createClient(HealthService, channel);
  expect(server.health).toBe(health);
  expect((await client.check(of(''))).status).toBe(ServingStatus.SERVING);
  expect((await client.check(of(name))).status).toBe(ServingStatus.SERVING);
  expect((await client.check(of('virtmesh.domain.v1.DomainService'))).status).toBe(ServingStatus.NOT_SERVING);
  expect(Object.keys((await client.list(HealthListRequest.fromPartial({}))).statuses).toSorted()).toEqual([
    '',
    'virtmesh.domain.v1.DomainService',
    name,
  ]);
  expect(await failure(client.check(of('no.Such')))).toMatchObject({ reason: 'SERVICE_NOT_FOUND', code: 5 });
});

test('a watch tells each change, once, and of a service that comes later', async () => {
  const health = new Health();
  const { channel } = await startLocal([nodeService()], { health });
  const seen: number[] = [];
  for await (const { status } of createClient(HealthService, channel).watch(of('later'))) {
    seen.push(status);
    if (seen.length === 1) health.set('later', true);
    else if (seen.length === 2) {
      health.set('later', true);
      health.set(name, false);
      health.set('later', false);
    } else if (seen.length === 3) health.shutdown();
    if (seen.length === 3) break;
  }
  expect(seen).toEqual([ServingStatus.SERVICE_UNKNOWN, ServingStatus.SERVING, ServingStatus.NOT_SERVING]);
  health.set('later', true);
  expect(health.isServing('later')).toBe(false);
});
