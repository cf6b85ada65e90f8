/**
 * The JavaScript runtime. Node, Bun and Deno behave alike for the guard. Cloudflare Workers (workerd) differ:
 * `verify` of `node:crypto` takes options with a PEM key only; and the I/O of a request ends with that request, so
 * that no request may wait for a fetch that another one began, and nothing may be fetched in the background.
 */
export const isWorkers =
  (globalThis as { navigator?: { userAgent?: string } }).navigator?.userAgent === 'Cloudflare-Workers'
