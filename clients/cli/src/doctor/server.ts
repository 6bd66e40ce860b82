import { Fault } from '@virtmesh/base';
import type { Connection } from '@virtmesh/client';
import { GetDomainCapabilitiesRequest } from '@virtmesh/contracts/domain/v1/domain_service';
import type { DriverInfo, Node } from '@virtmesh/contracts/node/v1/node';
import { ListNodesRequest } from '@virtmesh/contracts/node/v1/node_service';
import { nodeOf } from '../domain-reference.ts';
import type { Finding } from './finding.ts';
import type { KvmTrial } from './kvm.ts';

const answerMs = 3_000;
const why = 'is what vmesh talks to';

export interface ServerReport {
  readonly findings: readonly Finding[];
  /** What the agent of this host found of KVM; undefined where no agent of this host was heard. */
  readonly kvm?: KvmTrial | undefined;
}

/** Whether the server that this call would use answers, and what its nodes say of their drivers. */
export async function askServer(connect: () => Promise<Connection>, hostname: string): Promise<ServerReport> {
  try {
    const connection = await connect();
    const { nodes } = await connection.nodes.listNodes(ListNodesRequest.fromPartial({}), { timeoutMs: answerMs });
    const scope = connection.scope() === 'fleet' ? 'the control plane' : 'an agent';
    const server: Finding = {
      check: 'server',
      status: 'ok',
      found: `${scope} at ${connection.uri} answers, with ${nodes.length} node${nodes.length === 1 ? '' : 's'}`,
      why,
    };
    const drivers = nodes.flatMap((node) =>
      node.drivers.map((driver): Finding => ({
        check: `driver ${driver.type}`,
        status: driver.available ? 'ok' : 'warn',
        found: `${nodeOf(node.name)}: ${driver.available ? usable(driver) : 'not usable'}`,
        why: 'runs guests on the node',
        ...(driver.available ? {} : { remedy: driver.why }),
      })),
    );
    const here = nodes.find((node) => node.hostname === hostname);
    return { findings: [server, ...drivers], kvm: here && (await kvmTrialOf(connection, here)) };
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    const remedy = './dev start starts one on this host; -c or VIRTMESH_URI says where another one is';
    return { findings: [{ check: 'server', status: 'warn', found: thrown.message, why, remedy }] };
  }
}

/** A container has no use for an accelerator. */
const usable = ({ version, accelerators }: DriverInfo): string =>
  `version ${version}${accelerators.length > 0 ? `, accelerators that work: ${accelerators.join(', ')}` : ''}`;

/** What the QEMU driver of a node says of KVM; undefined where it has none, or does not say. */
async function kvmTrialOf(connection: Connection, node: Node): Promise<KvmTrial | undefined> {
  const driver = node.drivers.find(({ type, available }) => type === 'qemu' && available);
  if (driver === undefined) return undefined;
  const request = GetDomainCapabilitiesRequest.fromPartial({ node: node.name, hypervisor: driver.type });
  const capabilities = await connection.domains.getDomainCapabilities(request, { timeoutMs: answerMs }).catch((thrown: unknown) => {
    if (thrown instanceof Fault) return undefined;
    throw thrown;
  });
  const kvm = capabilities?.devices.find(({ name }) => name === 'accelerator.kvm');
  return kvm && { works: kvm.available, why: kvm.why, instead: driver.accelerators[0] ?? '' };
}
