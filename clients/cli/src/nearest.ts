/** Optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours. */
function distance(a: string, b: string): number {
  const rows: number[][] = Array.from({ length: a.length + 1 }, (_, i) => [i]);
  const at = (i: number, j: number): number => rows[i]?.[j] ?? (i === 0 ? j : Infinity);
  for (let i = 0; i <= a.length; i += 1) {
    for (let j = i === 0 ? 0 : 1; j <= b.length; j += 1) {
      if (i === 0) {
        (rows[0] ??= [])[j] = j;
        continue;
      }
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : Infinity;
      (rows[i] ??= [])[j] = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, replaced, swapped);
    }
  }
  return at(a.length, b.length);
}

/** Those of `known` that a writer of `text` may have meant, best first, at most three: near in letters, or one begins with the other. */
export function nearest(text: string, known: Iterable<string>): string[] {
  const plain = (word: string): string => word.toLowerCase().replaceAll(/[-_]/g, '');
  // A long text is no slip of a known name, and the distance's cost grows with the square.
  const given = plain(text.slice(0, 80));
  if (given === '') return [];
  const allowed = Math.max(1, Math.floor(given.length / 3));
  return [...known]
    .map((word) => {
      const other = plain(word.slice(0, 80));
      const prefix = given.length >= 3 && (other.startsWith(given) || (other.length >= 3 && given.startsWith(other)));
      return { word, cost: prefix ? 0.5 : distance(given, other) };
    })
    .filter(({ cost }) => cost <= allowed)
    .toSorted((a, b) => a.cost - b.cost || a.word.localeCompare(b.word))
    .slice(0, 3)
    .map(({ word }) => word);
}

/** `; did you mean a, b or c?`, or nothing. */
export function didYouMean(text: string, known: Iterable<string>): string {
  const words = nearest(text, known);
  if (words.length === 0) return '';
  return `; did you mean ${words.length === 1 ? words[0] : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`}?`;
}
