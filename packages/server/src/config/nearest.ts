/** The nearest known name to a mistyped one, for "did you mean …?": of fields, settings, commands and options. */

/** A longer name is compared with none: the time grows with the product of both lengths. */
const LONGEST = 100

/** `rememberMe`, `remember-me` and `remember_me` are spellings of one name. */
const spelling = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '')

/** The known name that was probably meant, or null if none is similar. */
export function nearest(name: string, names: readonly string[]): string | null {
  if (name.length > LONGEST) return null
  const typed = spelling(name)
  const [best] = names
    .map((candidate) => ({ candidate, steps: difference(typed, spelling(candidate)) }))
    .sort((a, b) => a.steps - b.steps)
  return best && best.steps <= Math.max(1, Math.floor(typed.length / 3)) ? best.candidate : null
}

/** The edit distance, in which a name that contains the other one is one step away. */
function difference(one: string, other: string): number {
  const [short, long] = one.length < other.length ? [one, other] : [other, one]
  return short.length > 2 && short !== long && long.includes(short) ? 1 : distance(one, other)
}

/** Damerau and Levenshtein, with adjacent transpositions (optimal string alignment). */
function distance(one: string, other: string): number {
  let before: number[] = []
  let above = Array.from({ length: other.length + 1 }, (_, j) => j)
  for (let i = 1; i <= one.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= other.length; j += 1) {
      const same = one[i - 1] === other[j - 1]
      let least = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (above[j - 1] ?? 0) + (same ? 0 : 1))
      if (one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1])
        least = Math.min(least, (before[j - 2] ?? 0) + 1)
      row.push(least)
    }
    before = above
    above = row
  }
  return above[other.length] ?? 0
}
