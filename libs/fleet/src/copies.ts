import type { Copy, CopyStore } from '@virtmesh/events';
import type { Logger } from '@virtmesh/kit';
import type { FleetIndex } from './fleet-index.ts';
import type { IndexedKind } from './resource-kind.ts';

/** Writes the index's changes to the store of last-known copies; answers how to stop that. */
export function keepCopies(index: FleetIndex, store: CopyStore, isReadingAnew: (node: string) => boolean): () => void {
  return index.onChange((change) => {
    const { entry } = change;
    if (change.t === 'removed') {
      store.remove(entry);
      return;
    }
    store.put(
      {
        node: entry.node,
        uid: entry.uid,
        epoch: entry.epoch,
        number: entry.revision,
        body: Buffer.concat([entry.basic, entry.definitions]),
      },
      isReadingAnew(entry.node),
    );
  });
}

/** Puts the last-known copies of nodes that were not read yet into the index; answers the nodes that have any. */
export function restoreCopies<E>(
  copies: readonly Copy[],
  index: FleetIndex,
  kind: IndexedKind<E>,
  isSynced: (node: string) => boolean,
  log: Logger,
): Set<string> {
  const nodes = new Set<string>();
  for (const copy of copies) {
    nodes.add(copy.node);
    if (isSynced(copy.node) || index.get(copy.node, copy.uid)) continue;
    try {
      index.put({ ...kind.decode(copy.body), node: copy.node, epoch: copy.epoch });
    } catch (thrown) {
      log.warn({ node: copy.node, uid: copy.uid, err: thrown }, 'a last-known copy cannot be decoded and is left out');
    }
  }
  return nodes;
}
