import { Fault } from './fault.ts';

/** `nodes/{node}/domains/{domain}` and its kin, taken apart. `node` is `-` where any node is meant. */
export interface DomainName {
  readonly node: string;
  /** The domain's own id, or undefined where it is named by uid. */
  readonly id: string | undefined;
  readonly uid: string | undefined;
}

export const anyNode = '-';
const nodeId = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const domainId = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const deviceId = /^[a-z][a-z0-9-]{0,31}$/;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export const isNodeId = (text: string): boolean => nodeId.test(text);
export const isDomainId = (text: string): boolean => domainId.test(text);
export const isDeviceId = (text: string): boolean => deviceId.test(text);
export const isUuid = (text: string): boolean => uuid.test(text);

export const domainIdRule = '1 to 63 characters of A-Z a-z 0-9 . _ -, beginning with a letter or digit';
export const nodeIdRule = '1 to 63 characters of a-z 0-9 -, beginning and ending with a letter or digit';

export const nodeName = (node: string): string => `nodes/${node}`;
export const domainName = (node: string, id: string): string => `nodes/${node}/domains/${id}`;
export const operationName = (node: string, id: string): string => `nodes/${node}/operations/${id}`;

const invalid = (field: string, name: string, rule: string): Fault =>
  new Fault(
    'NAME_INVALID',
    `${field} ${JSON.stringify(name.slice(0, 200))} is not ${rule}`,
    { field, name: name.slice(0, 200) },
    { violations: [{ field, description: `must be ${rule}` }] },
  );

/** The node of `nodes/{node}`; `-` is accepted. */
export function parseNodeName(name: string, field = 'name'): string {
  const [collection, node, ...rest] = name.split('/');
  if (collection !== 'nodes' || node === undefined || rest.length > 0 || (node !== anyNode && !isNodeId(node))) {
    throw invalid(field, name, `nodes/{node}, the node being ${nodeIdRule}, or -`);
  }
  return node;
}

export function parseDomainName(name: string, field = 'name'): DomainName {
  const rule = `nodes/{node}/domains/{domain} or nodes/{node}/domains/uid:{uid}, the domain being ${domainIdRule}`;
  const [nodes, node, domains, last, ...rest] = name.split('/');
  if (nodes !== 'nodes' || domains !== 'domains' || node === undefined || last === undefined || rest.length > 0)
    throw invalid(field, name, rule);
  if (node !== anyNode && !isNodeId(node)) throw invalid(field, name, rule);
  if (last.startsWith('uid:')) {
    const uid = last.slice(4).toLowerCase();
    if (!isUuid(uid)) throw invalid(field, name, rule);
    return { node, id: undefined, uid };
  }
  if (!isDomainId(last)) throw invalid(field, name, rule);
  return { node, id: last, uid: undefined };
}

export function parseOperationName(name: string, field = 'name'): { readonly node: string; readonly id: string } {
  const [nodes, node, operations, id, ...rest] = name.split('/');
  if (
    nodes !== 'nodes' ||
    operations !== 'operations' ||
    node === undefined ||
    id === undefined ||
    rest.length > 0 ||
    (node !== anyNode && !isNodeId(node)) ||
    !isUuid(id)
  ) {
    throw invalid(field, name, 'nodes/{node}/operations/{id}, the id being a UUID');
  }
  return { node, id };
}
