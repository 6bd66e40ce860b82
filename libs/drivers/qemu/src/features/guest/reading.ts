/** What an agent in a guest says, which is not trusted: anything may be missing or of another kind. */
export type Told = { readonly [key: string]: unknown };

const maxTextLength = 4096;

export const told = (value: unknown): Told => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Told) : {});
export const listTold = (value: unknown): readonly Told[] => (Array.isArray(value) ? value.map(told) : []);
export const textTold = (value: unknown): string => (typeof value === 'string' ? value.slice(0, maxTextLength) : '');
export const numberTold = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0);
export const bytesTold = (value: unknown): bigint => {
  const number = numberTold(value);
  return number > 0 && number <= Number.MAX_SAFE_INTEGER ? BigInt(Math.trunc(number)) : 0n;
};
