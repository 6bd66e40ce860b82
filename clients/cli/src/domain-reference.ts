import { anyNode, domainIdRule, domainName, isDomainId, isNodeId, isUuid, nodeIdRule } from '@virtmesh/base';
import { UsageError } from './usage-error.ts';

const shown = (text: string): string => JSON.stringify(text.slice(0, 200));

/** The id of a node argument: `n1` or `nodes/n1`. */
export function nodeIdOf(text: string): string {
  const id = text.startsWith('nodes/') ? text.slice('nodes/'.length) : text;
  if (!isNodeId(id)) throw new UsageError(`${shown(text)} is no name of a node: it must be ${nodeIdRule}, or nodes/ and that`);
  return id;
}

const lastSegment = (text: string, whole: string): string => {
  const uid = (text.startsWith('uid:') ? text.slice('uid:'.length) : text).toLowerCase();
  if (isUuid(uid)) return `uid:${uid}`;
  if (text.startsWith('uid:')) throw new UsageError(`${shown(whole)} is no domain: what follows uid: must be a UUID`);
  if (!isDomainId(text)) {
    throw new UsageError(
      `${shown(whole)} is no name of a domain: write web, node/web, nodes/node/domains/web, uid:UUID or a UUID, the name being ${domainIdRule}`,
    );
  }
  return text;
};

/**
 * The contract's name of a DOMAIN argument: `web`, `node/web`, `nodes/node/domains/web`, `uid:UUID` or a bare UUID, the
 * last three with or without node. A name without a node is looked for on `node`, or on all nodes. A domain whose
 * name has the form of a UUID is named in full.
 */
export function domainReference(text: string, node: string = anyNode): string {
  const parts = text.split('/');
  const [first = '', second, third, fourth] = parts;
  if (parts.length === 1) return `nodes/${node}/domains/${lastSegment(first, text)}`;
  if (parts.length === 2 && second !== undefined && first !== 'nodes')
    return `nodes/${nodeOrAny(first)}/domains/${lastSegment(second, text)}`;
  if (parts.length === 4 && first === 'nodes' && third === 'domains' && second !== undefined && fourth !== undefined) {
    return isDomainId(fourth) ? domainName(nodeOrAny(second), fourth) : `nodes/${nodeOrAny(second)}/domains/${lastSegment(fourth, text)}`;
  }
  return lastSegment('', text);
}

const nodeOrAny = (text: string): string => (text === anyNode ? anyNode : nodeIdOf(text));

/** The last segment of a name, for people: `web` of `nodes/n1/domains/web`. */
export const shortName = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

/** The node of any name below `nodes/`, empty where there is none. */
export const nodeOf = (name: string): string => (name.startsWith('nodes/') ? (name.split('/')[1] ?? '') : '');
