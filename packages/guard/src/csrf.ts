/**
 * CSRF protection of credentials in cookies, which browsers also send with requests that other sites cause: an unsafe
 * request must come from the same origin, or from one of the app (W3C Fetch Metadata, or `Origin`).
 */
import { type Problem, problem } from './problem.ts'
import type { GuardRequest } from './request.ts'

/** RFC 9110 §9.2.1. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])
export const isSafe = (method: string): boolean => SAFE_METHODS.has(method)

/**
 * A WebSocket upgrade is a GET that opens a channel in both directions, and pages of other sites may cause it: it counts
 * as unsafe (RFC 6455 §10.2).
 */
const isUpgrade = (request: GuardRequest): boolean => request.header('upgrade')?.toLowerCase() === 'websocket'

/**
 * @param isWebSocket whether the request opens a WebSocket, and so counts as unsafe; by default by its `Upgrade`
 * @returns the problem of an unsafe request from another origin
 */
export function checkOriginOf(
  request: GuardRequest,
  origins: readonly string[],
  isWebSocket = isUpgrade(request),
): Problem | null {
  if (isSafe(request.method) && !isWebSocket) return null
  const origin = request.header('origin')
  if (origin !== undefined && origins.includes(origin)) return null
  const site = request.header('sec-fetch-site')
  // every browser sends `Origin` with a WebSocket (RFC 6455 §4.1), whose ws: scheme not all count as the same site
  if (site !== undefined && !(isWebSocket && origin !== undefined)) {
    // `none`: caused by the user, with the address bar or a bookmark
    return site === 'same-origin' || site === 'none'
      ? null
      : problem('CSRF_FAILED', { reason: `from ${site}` })
  }
  // current browsers send at least one of the two fields; other clients are not subject to CSRF
  if (origin === undefined || hostOf(origin) === request.header('host')?.toLowerCase()) return null
  return problem('CSRF_FAILED', { reason: `from ${origin}` })
}

const hostOf = (origin: string): string | null => (URL.canParse(origin) ? new URL(origin).host : null)
