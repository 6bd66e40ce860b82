import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FleetIndex, type IndexChange, type IndexEntry } from './fleet-index.ts';

const none = new Uint8Array();
const entry = (node: string, uid: string, id: string, revision: number, epoch = 'e'): IndexEntry => ({
  node,
  uid,
  name: `nodes/${node}/domains/${id}`,
  revision: BigInt(revision),
  epoch,
  state: 0,
  labels: {},
  basic: none,
  definitions: none,
});

const nodes = fc.constantFrom('n1', 'n1-a', 'n2', 'n10');
const uids = fc.constantFrom('u1', 'u2', 'u3', 'u4');
const ids = fc.constantFrom('web', 'db', 'a', 'web-2');
const operation = fc.oneof(
  fc.record({ t: fc.constant('put' as const), node: nodes, uid: uids, id: ids, revision: fc.nat(20) }),
  fc.record({ t: fc.constant('remove' as const), node: nodes, uid: uids }),
  fc.record({
    t: fc.constant('replace' as const),
    node: nodes,
    epoch: fc.constantFrom('e', 'f'),
    objects: fc.uniqueArray(fc.record({ uid: uids, id: ids, revision: fc.nat(20) }), { selector: ({ uid }) => uid }),
  }),
);

const inOrder = (entries: Iterable<IndexEntry>): IndexEntry[] =>
  [...entries].toSorted((a, b) => (a.name < b.name || (a.name === b.name && a.uid < b.uid) ? -1 : 1));

describe('the index', () => {
  it('finds what a plain list of entries has, whatever was done', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const index = new FleetIndex();
        const model = new Map<string, IndexEntry>();
        const told = new Map<string, IndexEntry>();
        index.onChange((change: IndexChange) => {
          const key = `${change.entry.node}/${change.entry.uid}`;
          if (change.t === 'put') expect(change.before).toBe(told.get(key));
          if (change.t === 'put') told.set(key, change.entry);
          else told.delete(key);
        });
        for (const op of operations) {
          if (op.t === 'put') {
            const made = entry(op.node, op.uid, op.id, op.revision);
            index.put(made);
            model.set(`${op.node}/${op.uid}`, made);
          } else if (op.t === 'remove') {
            index.remove(op.node, op.uid);
            model.delete(`${op.node}/${op.uid}`);
          } else {
            const entries = op.objects.map(({ uid, id, revision }) => entry(op.node, uid, id, revision, op.epoch));
            index.replaceNode(op.node, entries);
            for (const [key, each] of model) if (each.node === op.node && !entries.some(({ uid }) => uid === each.uid)) model.delete(key);
            for (const each of entries) {
              const present = model.get(`${op.node}/${each.uid}`);
              if (!present || present.epoch !== each.epoch || present.revision < each.revision) model.set(`${op.node}/${each.uid}`, each);
            }
          }
        }
        const all = inOrder(model.values());
        expect([...index.after(undefined)]).toEqual(all);
        expect(index.size).toBe(all.length);
        expect(inOrder(told.values())).toEqual(all);
        for (const node of ['n1', 'n1-a', 'n2', 'n10']) {
          expect([...index.after(undefined, node)]).toEqual(all.filter((each) => each.node === node));
          expect(inOrder(index.ofNode(node))).toEqual(all.filter((each) => each.node === node));
        }
        for (const uid of ['u1', 'u2', 'u3', 'u4']) expect(inOrder(index.withUid(uid))).toEqual(all.filter((each) => each.uid === uid));
        for (const id of ['web', 'db', 'a', 'web-2'])
          expect(index.withId(id).map(({ name }) => name)).toEqual(
            all.filter((each) => each.name.endsWith(`/${id}`)).map(({ name }) => name),
          );
        for (const [at, each] of all.entries()) {
          expect([...index.after(each)]).toEqual(all.slice(at + 1));
          expect(index.get(each.node, each.uid)).toBe(each);
        }
      }),
    );
  });
});
