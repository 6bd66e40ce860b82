/** Ends a scenario where something does not hold. */
export function must(holds: boolean, words: string): void {
  if (!holds) throw new Error(`it does not hold that ${words}`);
}
