import type { IndexedObject } from './resource-kind.ts';

/** An object of the fleet in the index. */
export interface IndexEntry extends IndexedObject {
  readonly node: string;
  /** The epoch of the node's journal that the revision belongs to. */
  readonly epoch: string;
}

/** What became of an entry. */
export type IndexChange =
  | { readonly t: 'put'; readonly entry: IndexEntry; readonly before: IndexEntry | undefined }
  | { readonly t: 'removed'; readonly entry: IndexEntry };

/** All objects of one kind over the fleet, in memory, by name, by uid and by the last segment of the name. Changes are told at once. */
export class FleetIndex {
  /** By name, then uid. */
  readonly #sorted: IndexEntry[] = [];
  readonly #byKey = new Map<string, IndexEntry>();
  readonly #byUid = new Map<string, Set<IndexEntry>>();
  readonly #byId = new Map<string, Set<IndexEntry>>();
  readonly #byNode = new Map<string, Set<IndexEntry>>();
  readonly #watchers = new Set<(change: IndexChange) => void>();
  #version = 0;

  /** Another number after each change. */
  get version(): number {
    return this.#version;
  }

  get size(): number {
    return this.#sorted.length;
  }

  /** Calls back at each change; answers how to stop that. */
  onChange(watcher: (change: IndexChange) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  get(node: string, uid: string): IndexEntry | undefined {
    return this.#byKey.get(keyOf(node, uid));
  }

  /** All that have a uid: more than one only where a guest is active on two nodes, which must never be. */
  withUid(uid: string): readonly IndexEntry[] {
    return [...(this.#byUid.get(uid) ?? [])];
  }

  /** All whose name ends in an id, by name. */
  withId(id: string): readonly IndexEntry[] {
    return [...(this.#byId.get(id) ?? [])].toSorted(byName);
  }

  ofNode(node: string): readonly IndexEntry[] {
    return [...(this.#byNode.get(node) ?? [])];
  }

  /** Entries of one node or of all, by name, after a place in that order. */
  *after(place: { readonly name: string; readonly uid: string } | undefined, node?: string): Generator<IndexEntry> {
    const prefix = node === undefined ? '' : `nodes/${node}/`;
    const from = place && place.name > prefix ? place : { name: prefix, uid: '' };
    for (let at = this.#firstAfter(from); at < this.#sorted.length; at += 1) {
      const entry = this.#sorted[at];
      if (!entry?.name.startsWith(prefix)) return;
      yield entry;
    }
  }

  put(entry: IndexEntry): void {
    const before = this.get(entry.node, entry.uid);
    if (before) this.#unlink(before);
    this.#sorted.splice(this.#firstAfter(entry), 0, entry);
    this.#byKey.set(keyOf(entry.node, entry.uid), entry);
    addTo(this.#byUid, entry.uid, entry);
    addTo(this.#byId, idOf(entry), entry);
    addTo(this.#byNode, entry.node, entry);
    this.#tell({ t: 'put', entry, before });
  }

  remove(node: string, uid: string): void {
    const entry = this.get(node, uid);
    if (!entry) return;
    this.#unlink(entry);
    this.#tell({ t: 'removed', entry });
  }

  /** Makes a node's objects exactly these. What is there in a newer revision of the same epoch stays as it is. */
  replaceNode(node: string, entries: readonly IndexEntry[]): void {
    this.#version += 1;
    const kept = new Set(entries.map((entry) => entry.uid));
    for (const entry of this.ofNode(node)) if (!kept.has(entry.uid)) this.remove(node, entry.uid);
    for (const entry of entries) {
      const present = this.get(node, entry.uid);
      if (!present || present.epoch !== entry.epoch || present.revision < entry.revision) this.put(entry);
    }
  }

  #unlink(entry: IndexEntry): void {
    const at = this.#firstAfter(entry) - 1;
    if (this.#sorted[at] === entry) this.#sorted.splice(at, 1);
    this.#byKey.delete(keyOf(entry.node, entry.uid));
    removeFrom(this.#byUid, entry.uid, entry);
    removeFrom(this.#byId, idOf(entry), entry);
    removeFrom(this.#byNode, entry.node, entry);
  }

  #firstAfter(place: { readonly name: string; readonly uid: string }): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#sorted[middle];
      if (entry && isAfter(entry, place)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #tell(change: IndexChange): void {
    this.#version += 1;
    for (const watcher of this.#watchers) watcher(change);
  }
}

const keyOf = (node: string, uid: string): string => `${node}/${uid}`;
const idOf = (entry: IndexEntry): string => entry.name.slice(entry.name.lastIndexOf('/') + 1);
const byName = (a: IndexEntry, b: IndexEntry): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
const isAfter = (entry: IndexEntry, place: { readonly name: string; readonly uid: string }): boolean =>
  entry.name > place.name || (entry.name === place.name && entry.uid > place.uid);

function addTo(map: Map<string, Set<IndexEntry>>, key: string, entry: IndexEntry): void {
  const entries = map.get(key);
  if (entries) entries.add(entry);
  else map.set(key, new Set([entry]));
}

function removeFrom(map: Map<string, Set<IndexEntry>>, key: string, entry: IndexEntry): void {
  const entries = map.get(key);
  entries?.delete(entry);
  if (entries?.size === 0) map.delete(key);
}
