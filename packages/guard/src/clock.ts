/** The clock: the only file of the guard that reads the system time. Other code takes a `Now`, which tests replace. */

/** @returns the current time in milliseconds since the Unix epoch */
export type Now = () => number

export const systemTime: Now = () => Date.now()
