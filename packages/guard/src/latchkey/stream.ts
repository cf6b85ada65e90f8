/**
 * The revocation stream: server-sent events of the server. It is live from the server's `ready` event until the
 * connection is lost, or no heartbeat arrives in time; while it is not live, nothing may be accepted without the
 * server. It reconnects from its cursor, with exponential backoff and jitter.
 */
import { StringDecoder } from 'node:string_decoder'
import type { Now } from '../clock.ts'
import { type Fetch, openStreamingGet } from '../outbound.ts'
import { eventReader, type ServerEvent } from './events.ts'
import { type Revocation, readRevocation } from './revocations.ts'

export interface StreamOptions {
  url: string
  /** Sent as `Authorization: Bearer`. */
  credential: () => Promise<string>
  fetch: Fetch
  now: Now
  /** Milliseconds without data after which the connection counts as lost. */
  silence: number
  onRevoked(revocation: Revocation): void
  onKeys(): void
  /** @param reason why the stream is not live, for the log; null when it becomes live */
  onChange(isLive: boolean, reason: string | null): void
}

export interface Stream {
  isLive(): boolean
  /** Why the stream is not live; null while it is. */
  readonly reason: string | null
  close(): void
}

const BACK_OFF = { first: 250, most: 30_000 }
const CONNECT_WITHIN = 10_000
/** Milliseconds before a credential that was refused is sent again. */
const REFUSED_WAIT = 30_000

export function openStream(options: StreamOptions): Stream {
  const { now, silence } = options
  let isReady = false
  let heardAt = 0
  let cursor: string | null = null
  let failures = 0
  let isClosed = false
  let reason: string | null = 'not connected yet'
  let timer: NodeJS.Timeout | undefined
  let line = new AbortController()

  const setReady = (ready: boolean, why: string | null): void => {
    const isChanged = isReady !== ready || reason !== why
    isReady = ready
    reason = why
    if (isChanged) options.onChange(ready, why)
  }

  function onEvent({ event, data, id }: ServerEvent): void {
    if (event === 'revoked') {
      const revocation = readRevocation(data)
      // an unknown kind of revocation must not be ignored: the stream is then not live
      if (revocation === null) throw new Error('a revocation cannot be read')
      options.onRevoked(revocation)
    } else if (event === 'keys') options.onKeys()
    else if (event === 'ready') {
      failures = 0
      setReady(true, null)
    }
    // the cursor advances only after the event was processed
    if (id !== null) cursor = id
  }

  /** Resolves when the server closes the stream; rejects when the connection fails or is silent for too long. */
  async function listen(signal: AbortSignal): Promise<void> {
    const headers: Record<string, string> = {
      accept: 'text/event-stream',
      authorization: `Bearer ${await options.credential()}`,
      ...(cursor === null ? {} : { 'last-event-id': cursor }),
    }
    const response = await openStreamingGet(options.fetch, options.url, headers, signal)
    const type = response.headers.get('content-type') ?? ''
    if (response.status !== 200 || !type.startsWith('text/event-stream')) {
      await response.body?.cancel()
      if (response.status === 401 || response.status === 403)
        throw new CredentialRefused(`the server refuses this guard's credential (${response.status})`)
      throw new Error(`the server answered ${response.status} ${type}`)
    }
    const decoder = new StringDecoder('utf8')
    const reader = eventReader(onEvent)
    for await (const chunk of response.body ?? []) {
      heardAt = now()
      watch()
      reader.read(decoder.write(Buffer.from(chunk)))
    }
  }

  function watch(wait = silence): void {
    clearTimeout(timer)
    timer = setTimeout(() => line.abort(new Error(`no data for ${wait / 1000} s`)), wait)
    timer.unref()
  }

  async function run(): Promise<void> {
    while (!isClosed) {
      line = new AbortController()
      watch(Math.min(silence, CONNECT_WITHIN))
      const error = await listen(line.signal).then(
        () => new Error('the server closed the stream'),
        (thrown: unknown) => thrown,
      )
      line.abort()
      clearTimeout(timer)
      if (isClosed) return
      setReady(false, reasonOf(error))
      failures += 1
      await pause(error instanceof CredentialRefused ? REFUSED_WAIT : backOff(failures))
    }
  }

  const pause = (milliseconds: number): Promise<void> =>
    new Promise((resolve) => {
      timer = setTimeout(resolve, milliseconds)
      timer.unref()
    })

  void run()
  return {
    // compares times: correct also after the machine was suspended, before any timer has run
    isLive() {
      const quiet = now() - heardAt
      return isReady && quiet >= 0 && quiet < silence
    },
    get reason() {
      return reason
    },
    close() {
      isClosed = true
      isReady = false
      clearTimeout(timer)
      line.abort()
    },
  }
}

class CredentialRefused extends Error {}

/** Exponential backoff with jitter, so that many guards do not reconnect at the same moment. */
const backOff = (failures: number): number => {
  const most = Math.min(BACK_OFF.most, BACK_OFF.first * 2 ** Math.min(failures - 1, 16))
  return most / 2 + Math.random() * (most / 2)
}

const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
