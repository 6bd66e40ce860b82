/** A table of transitions: for each state, for each event that is allowed in it, the next state. */
export type TransitionTable<S extends string, E extends string> = Readonly<Record<S, Readonly<Partial<Record<E, S>>>>>;

/** The state after an event, or undefined where the table does not allow it. */
export function next<S extends string, E extends string>(table: TransitionTable<S, E>, state: S, event: E): S | undefined {
  return table[state][event];
}

/** The states in which an event is allowed, for messages. */
export function statesAllowing<S extends string, E extends string>(table: TransitionTable<S, E>, event: E): S[] {
  return (Object.keys(table) as S[]).filter((state) => table[state][event] !== undefined);
}
