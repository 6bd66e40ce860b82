const { VIRTMESH_FAULT_ROUNDS, VIRTMESH_FAULT_SEED, VIRTMESH_TEST_ALL } = process.env;

/** Whether all is to be tried that there is, as `./dev test --all` wants it. */
export const all = VIRTMESH_TEST_ALL === '1';

/** What chance begins with: the same makes another run do the same. */
export const seed = Number(VIRTMESH_FAULT_SEED ?? Math.trunc(Date.now() / 1000));

/** How often processes are killed at random. */
export const rounds = Number(VIRTMESH_FAULT_ROUNDS ?? (all ? 40 : 12));

/** The places of one verb at which the agent is killed: all, or every fourth, so that four seeds in a row meet each. */
export const chosen = <T>(places: readonly T[], verb: number): readonly T[] =>
  all ? places : places.filter((_, index) => (index + verb + seed) % 4 === 0);
