/**
 * Breached passwords: looks up a password in the local breach file (breach-file.ts), where there is one, and then with a
 * range service (https://haveibeenpwned.com/API/v3, "Searching by range", or a mirror) by k-anonymity, where that is
 * on. Only the first five digits of the SHA-1 are sent, which hundreds of passwords share, and `Add-Padding` hides the
 * range from observers of the traffic.
 *
 * Fails open: if the service does not answer in time, the password counts as unknown, a warning is logged, and the
 * service is not called for a while (circuit breaker), so that an outage delays one request and not all. A file that
 * cannot be used is reported once for each reason, and is used again as soon as it is mended.
 * Invariant: neither a password nor more of its hash than the prefix is sent or logged.
 */
import { createHash } from 'node:crypto'
import { type Clock, later } from '../clock.ts'
import type { Log } from '../log/index.ts'
import { BreachFileFault, type BreachFileInfo, openBreachFile } from './breach-file.ts'
import { NoAnswer, type OutboundAnswer, type OutboundRequest, request } from './request.ts'

export interface Breaches {
  /**
   * How often the password occurs in breaches, at least; 0 where it does not, where nothing is checked, or where neither
   * the file can be read nor the service answers.
   */
  timesSeen(password: string): Promise<number>
  /** Calls the service, also while it is paused. @throws NoAnswer */
  check(): Promise<void>
  /** Null where no file is set. @throws BreachFileFault */
  checkFile(): Promise<BreachFileInfo | null>
}

export interface BreachesOptions {
  clock: Pick<Clock, 'now'>
  log: Pick<Log, 'warn'>
  /** Observes the requests to the service, for traces. */
  observe?(send: SendPlain): SendPlain
  config: {
    /** Whether the range service is called. */
    breachCheck: boolean
    /** The path of the local file. */
    breachFile: string | null
    /** Milliseconds for a whole exchange with the service. */
    breachTimeout: number
    /** Ends in `/`; the prefix is put behind it. */
    breachUrl: string
  }
}

type SendPlain = (wanted: OutboundRequest) => Promise<OutboundAnswer>

const PREFIX = 5
/** A padded range has up to 2,000 lines of some 40 bytes. */
const MAX_BYTES = 262_144
const MOST_AT_ONCE = 32
/** Milliseconds for which a service that did not answer is not called. */
const PAUSE = 60_000
const LINE = /^([0-9A-F]{35}):(\d{1,12})$/

export function createBreaches({ clock, log, config, observe }: BreachesOptions): Breaches {
  const plain: SendPlain = (wanted) => request(wanted)
  const send = observe?.(plain) ?? plain
  let pausedUntil = new Date(0)
  let underWay = 0
  const file = config.breachFile === null ? null : openBreachFile(config.breachFile)
  /** The reason why the file was not used the last time. */
  let fileFault: string | null = null

  async function timesInFile(spellings: readonly string[]): Promise<number> {
    if (file === null) return 0
    try {
      let times = 0
      for (const spelling of spellings)
        if (await file.has(createHash('sha1').update(spelling).digest()))
          times = Math.max(1, (await file.info()).atLeast)
      fileFault = null
      return times
    } catch (error) {
      if (!(error instanceof BreachFileFault)) throw error
      if (error.message !== fileFault) log.warn({ reason: error.message }, 'breach file not used')
      fileFault = error.message
      return 0
    }
  }

  async function timesSeenAs(spelling: string): Promise<number> {
    const hash = createHash('sha1').update(spelling).digest('hex').toUpperCase()
    const { status, text } = await send({
      method: 'GET',
      url: config.breachUrl + hash.slice(0, PREFIX),
      headers: { 'add-padding': 'true', accept: 'text/plain', 'user-agent': 'Latchkey' },
      timeoutMs: config.breachTimeout,
      maxBytes: MAX_BYTES,
      // the operator's mirror may be in a private network
      allowPrivate: true,
    })
    if (status !== 200) throw new NoAnswer(`the answer has status ${status}`)
    return countIn(text, hash.slice(PREFIX))
  }

  return {
    async timesSeen(password) {
      // lists contain passwords as typed; base/hashing normalizes them
      const spellings = [...new Set([password, password.normalize('NFKC')])]
      const times = await timesInFile(spellings)
      if (times > 0) return times
      if (!config.breachCheck || underWay >= MOST_AT_ONCE || clock.now() < pausedUntil) return 0
      underWay += 1
      try {
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
    checkFile: async () => (await file?.info()) ?? null,
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
