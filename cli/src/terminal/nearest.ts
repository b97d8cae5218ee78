/** The word that was probably meant: at most a third of its letters away (Damerau-Levenshtein), or begun by what was typed. */

export function nearest(typed: string, words: readonly string[]): string | undefined {
  let best: { word: string; far: number } | undefined;
  for (const word of words) {
    const far = typed.length > 1 && word.startsWith(typed) ? 1 : distance(typed, word);
    if (far <= Math.max(1, Math.floor(word.length / 3)) && (best === undefined || far < best.far)) best = { word, far };
  }
  return best?.word;
}

function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      next[j] = cost;
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
