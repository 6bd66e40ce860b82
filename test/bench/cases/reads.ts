import { join } from 'node:path';
import { DomainView, GetDomainRequest, ListDomainsRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { Benchmark } from '../harness.ts';
import { timed } from '../harness.ts';
import { BytesClient } from '../raw/call.ts';
import { Echo } from '../raw/echo.ts';
import { type Bench, referenceSpec } from '../reference.ts';

const getPath = '/virtmesh.domain.v1.DomainService/GetDomain';
const listPath = '/virtmesh.domain.v1.DomainService/ListDomains';
const total = 1000;

export interface Reads extends AsyncDisposable {
  readonly get: Benchmark;
  readonly list: Benchmark;
}

/** Get of one and List of 1,000 domains, both of one client against an echo of the same bytes. */
export async function readBenchmarks(bench: Bench, samples: number): Promise<Reads> {
  const { agent, system } = bench;
  for (let index = bench.ids.length; index < total; index += 1)
    await agent.create(`more${index}`, referenceSpec(join(system.disks, 'none.img')));
  const get = GetDomainRequest.encode(GetDomainRequest.fromPartial({ name: agent.name('ref0'), view: DomainView.FULL })).finish();
  const list = ListDomainsRequest.encode(ListDomainsRequest.fromPartial({ parent: `nodes/${agent.node}`, pageSize: total })).finish();
  const clients = { agent: new BytesClient(system.agentSocket), 'domain-svc': new BytesClient(system.domainSvcSocket) };
  const echo = await Echo.start(system.disks, {
    [getPath]: await clients.agent.call(getPath, get),
    [listPath]: await clients.agent.call(listPath, list),
  });
  const contenders = (path: string, request: Uint8Array): Benchmark['contenders'] =>
    Object.entries({ raw: echo.client, ...clients }).map(([name, client]) => ({
      name,
      run: () => timed(() => client.call(path, request)),
    }));
  return {
    get: {
      name: 'get',
      title: 'GetDomain; raw is a grpc-js server that answers the same bytes',
      targets: { agent: 1.3 },
      samples,
      warmUp: 200,
      contenders: contenders(getPath, get),
    },
    list: {
      name: 'list-1000',
      title: 'ListDomains of 1,000; raw is a grpc-js server that answers the same bytes',
      targets: { agent: 1.3, 'domain-svc': 1.3 },
      libvirt: '32 times a floor without serialisation',
      samples,
      warmUp: 200,
      contenders: contenders(listPath, list),
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of Object.values(clients)) client[Symbol.dispose]();
      await echo[Symbol.asyncDispose]();
    },
  };
}
