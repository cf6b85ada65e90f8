/** Log entries of events that may come in floods: the first of them, and after each interval one that counts the others. */

/** Counts an event at `now`, and logs it with its fields unless one was logged within the interval. */
export type OccasionalLog = (fields: Record<string, unknown>, now: Date) => void

/**
 * @param interval milliseconds between two entries
 * @returns a function whose entries have `unlogged`: how many events there were since the entry before
 */
export function occasionally(
  write: (fields: Record<string, unknown>, message: string) => void,
  message: string,
  interval: number,
): OccasionalLog {
  let last = Number.NEGATIVE_INFINITY
  let unlogged = 0
  return (fields, now) => {
    if (now.getTime() - last < interval) {
      unlogged += 1
      return
    }
    write(unlogged === 0 ? fields : { ...fields, unlogged }, message)
    last = now.getTime()
    unlogged = 0
  }
}
