/** The one place of the guard that reads the time; everything else is handed a `Now`, so that tests can move it. */

/** The present in milliseconds since 1970. */
export type Now = () => number

export const systemTime: Now = () => Date.now()
