import type { AnswerOf, ArgsOf, Verb } from '../../protocol/messages.ts';
import type { World } from '../world.ts';

/** What a verb is carried out with. */
export interface CallContext {
  readonly world: World;
  /** Ends with the client's wish or its connection. */
  readonly signal: AbortSignal;
  /** The connection that the call came over: what is opened for it ends with it. */
  readonly connection: object;
}

export type Handler<V extends Verb> = (args: ArgsOf<V>, context: CallContext) => AnswerOf<V> | Promise<AnswerOf<V>>;

/** Handlers for some of the verbs. */
export type Handlers<V extends Verb> = { readonly [K in V]: Handler<K> };
