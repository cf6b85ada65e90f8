/** Log entries of events that may come in floods: of each kind the first, and after each interval one that counts the others. */

/** Counts an event of a kind at `now`, and logs it with its fields unless one of the kind was logged within the interval. */
export type OccasionalLog = (kind: string, fields: Record<string, unknown>, now: Date) => void

/**
 * @param interval milliseconds between two entries of a kind
 * @returns a function for few kinds, whose entries have `unlogged`: how many events there were since the entry before
 */
export function occasionally(
  write: (fields: Record<string, unknown>, message: string) => void,
  message: string,
  interval: number,
): OccasionalLog {
  const kinds = new Map<string, { last: number; unlogged: number }>()
  return (kind, fields, now) => {
    const known = kinds.get(kind)
    if (known && now.getTime() - known.last < interval) {
      known.unlogged += 1
      return
    }
    write(known?.unlogged ? { ...fields, unlogged: known.unlogged } : fields, message)
    kinds.set(kind, { last: now.getTime(), unlogged: 0 })
  }
}
