/** What an agent in a guest says, which is not trusted: anything may be missing or of another kind. */
export type Told = { readonly [key: string]: unknown };

const maxTextLength = 4096;

export const told = (value: unknown): Told => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Told) : {});
export const listTold = (value: unknown): readonly Told[] => (Array.isArray(value) ? value.map(told) : []);
export const textTold = (value: unknown): string => (typeof value === 'string' ? value.slice(0, maxTextLength) : '');
/** A whole number; 0 for what is none, or too large to be kept exactly. */
export const numberTold = (value: unknown): number =>
  typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER ? Math.trunc(value) : 0;
/** One that fits 32 bits with a sign. */
export const int32Told = (value: unknown): number => {
  const number = numberTold(value);
  return number === (number | 0) ? number : 0;
};
export const bytesTold = (value: unknown): bigint => BigInt(Math.max(0, numberTold(value)));
