/**
 * Breached passwords: looks up a password with a range service (https://haveibeenpwned.com/API/v3, "Searching by
 * range", or a mirror) by k-anonymity. Only the first five digits of the SHA-1 are sent, which hundreds of passwords
 * share, and `Add-Padding` hides the range from observers of the traffic.
 *
 * Fails open: if the service does not answer, the password counts as unknown, a warning is logged, and the service is
 * not called for a while (circuit breaker), so that an outage delays one request and not all.
 * Invariant: neither a password nor more of its hash than the prefix is sent or logged.
 */
import { createHash } from 'node:crypto'
import { type Clock, later } from '../clock.ts'
import type { Log } from '../log/index.ts'
import { NoAnswer, request } from './request.ts'

export interface Breaches {
  /** How often the password occurs in breaches; 0 where it does not, the check is off, or the service does not answer. */
  timesSeen(password: string): Promise<number>
  /** Calls the service, also while it is paused. @throws NoAnswer */
  check(): Promise<void>
}

export interface BreachesOptions {
  clock: Pick<Clock, 'now'>
  log: Pick<Log, 'warn'>
  config: {
    breachCheck: boolean
    /** Ends in `/`; the prefix is put behind it. */
    breachUrl: string
  }
}

const PREFIX = 5
const TIMEOUT = 2000
/** A padded range has up to 2,000 lines of some 40 bytes. */
const MAX_BYTES = 262_144
const MOST_AT_ONCE = 32
/** Milliseconds for which a service that did not answer is not called. */
const PAUSE = 60_000
const LINE = /^([0-9A-F]{35}):(\d{1,12})$/

export function createBreaches({ clock, log, config }: BreachesOptions): Breaches {
  let pausedUntil = new Date(0)
  let underWay = 0

  async function timesSeenAs(spelling: string): Promise<number> {
    const hash = createHash('sha1').update(spelling).digest('hex').toUpperCase()
    const { status, text } = await request({
      method: 'GET',
      url: config.breachUrl + hash.slice(0, PREFIX),
      headers: { 'add-padding': 'true', accept: 'text/plain', 'user-agent': 'Latchkey' },
      timeoutMs: TIMEOUT,
      maxBytes: MAX_BYTES,
      // the operator's mirror may be in a private network
      allowPrivate: true,
    })
    if (status !== 200) throw new NoAnswer(`the answer has status ${status}`)
    return countIn(text, hash.slice(PREFIX))
  }

  return {
    async timesSeen(password) {
      if (!config.breachCheck || underWay >= MOST_AT_ONCE || clock.now() < pausedUntil) return 0
      underWay += 1
      try {
        // lists contain passwords as typed; base/hashing normalizes them
        const spellings = [...new Set([password, password.normalize('NFKC')])]
        return Math.max(...(await Promise.all(spellings.map(timesSeenAs))))
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error
        if (clock.now() >= pausedUntil)
          log.warn({ reason: error.message }, 'breach check skipped: the service does not answer')
        pausedUntil = later(clock.now(), PAUSE)
        return 0
      } finally {
        underWay -= 1
      }
    },
    async check() {
      await timesSeenAs('password')
    },
  }
}

/** A line with the count 0 is padding. @throws NoAnswer where the text is not a range */
function countIn(text: string, suffix: string): number {
  let count = 0
  for (const line of text.split(/\r?\n/)) {
    if (line === '') continue
    const [, found, times] = LINE.exec(line.toUpperCase()) ?? []
    if (found === undefined) throw new NoAnswer('the answer is not a range')
    if (found === suffix) count = Math.max(count, Number(times))
  }
  return count
}
