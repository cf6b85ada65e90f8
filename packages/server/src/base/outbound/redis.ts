/**
 * The Redis client. A server that dies or hangs costs one short timeout: until it answers a ping again, every call is
 * rejected immediately, and nothing is queued. What the calls mean belongs to their callers (base/limits/redis.ts), which
 * have an answer without Redis: it is never the source of truth.
 */
import { hash } from 'node:crypto'
import type { Redis as Client } from 'ioredis'

/** A Lua script, which Redis runs as one step. */
export interface Script {
  text: string
  digest: string
}

export interface Redis {
  /**
   * Runs a script. Rejects immediately while Redis is not known to answer, otherwise within 100 milliseconds.
   * @param read reads the answer, and throws where the script does not answer so: then the connection is opened again
   */
  run<T>(
    script: Script,
    keys: readonly string[],
    values: readonly (string | number)[],
    read: (answer: unknown) => T,
  ): Promise<T>
  /** The text of a key; null where there is none, and where it takes longer than a request should wait. Rejects as `run`. */
  get(key: string): Promise<string | null>
  /** Sets a key that expires after so many milliseconds. Rejects as `run`. */
  put(key: string, text: string, milliseconds: number): Promise<void>
  /** @throws Error of the connection, or of the server's answer */
  ping(): Promise<void>
  /** What the server says about itself (INFO). @throws as ping; Redis may not permit it */
  info(): Promise<string>
  /** Whether the last call, or the last ping after one that failed, was answered. */
  isUp(): boolean
  close(): void
}

export const script = (text: string): Script => ({ text, digest: hash('sha1', text) })

const COMMAND_TIMEOUT = 100
/** Of what the client sends for itself when it connects. */
const HANDSHAKE_TIMEOUT = 1000
/** How long a request waits for a value that the database has as well. */
const READ_PATIENCE = 25
const CONNECT_TIMEOUT = 1000
const PROBE_EVERY = 250
const LONGEST_RETRY = 2000

/** Connects in the background: a server that does not answer yet delays no start. */
export async function openRedis(url: string): Promise<Redis> {
  // loaded only where REDIS_URL is set: the module costs every start time and memory
  const { Redis: Connection, ReplyError } = await import('ioredis')
  const client: Client = new Connection(url, {
    protocol: 2,
    connectionName: 'latchkey',
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    autoResendUnfulfilledCommands: false,
    enableAutoPipelining: true,
    commandTimeout: HANDSHAKE_TIMEOUT,
    connectTimeout: CONNECT_TIMEOUT,
    retryStrategy: (times) => Math.min(LONGEST_RETRY, 50 * 2 ** Math.min(times - 1, 6)),
  })
  // each lost command is rejected; without a listener the client writes to standard error
  client.on('error', () => {})
  let lost: Error | null = null
  let probe: NodeJS.Timeout | null = null

  function probeLater(): void {
    probe = setTimeout(() => {
      within(COMMAND_TIMEOUT, client.ping()).then(() => {
        lost = null
      }, probeLater)
    }, PROBE_EVERY).unref()
  }
  function lose(error: Error): void {
    // an answer, even an error, is a sign of life
    if (lost !== null || error instanceof ReplyError) return
    lost = error
    // answers that come later must not be taken for those of other commands
    client.disconnect(true)
    probeLater()
  }

  async function guarded<T>(command: () => Promise<unknown>, read: (answer: unknown) => T): Promise<T> {
    if (lost !== null) throw lost
    try {
      return read(await within(COMMAND_TIMEOUT, command()))
    } catch (error) {
      lose(error as Error)
      throw error
    }
  }

  return {
    run: ({ text, digest }, keys, values, read) =>
      guarded(
        () =>
          client.evalsha(digest, keys.length, ...keys, ...values).catch((error: Error) => {
            // a server that was restarted does not know the script
            if (!error.message.startsWith('NOSCRIPT')) throw error
            return client.eval(text, keys.length, ...keys, ...values)
          }),
        read,
      ),
    get: (key) =>
      within(
        READ_PATIENCE,
        guarded(() => client.get(key), readText),
        () => null,
      ),
    put: (key, text, milliseconds) => guarded(() => client.set(key, text, 'PX', milliseconds), readSet),
    async ping() {
      if (client.status !== 'ready') await readyOrFailed(client)
      await client.ping()
    },
    info: () => client.info(),
    isUp: () => lost === null && client.status === 'ready',
    close() {
      if (probe) clearTimeout(probe)
      client.disconnect()
    },
  }
}

/** An answer to another command than the one that was sent: all that follow would be, too. */
const confused = () => new Error('Redis does not answer as the command demands')

function readText(answer: unknown): string | null {
  if (answer === null || typeof answer === 'string') return answer
  throw confused()
}

function readSet(answer: unknown): void {
  if (answer !== 'OK') throw confused()
}

/** Resolves when the connection is usable. @throws the error of the attempt to connect */
function readyOrFailed(client: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    client.once('ready', resolve)
    client.once('error', reject)
  })
}

/**
 * What it answers in time; otherwise rejects, or resolves to what `late` returns, and drops what comes later. Answers that are in the socket when
 * the time is up are in time: a process that was busy for so long has not read them yet.
 */
function within<T, L = never>(milliseconds: number, answer: Promise<T>, late?: () => L): Promise<T | L> {
  return new Promise((resolve, reject) => {
    const end = () => (late ? resolve(late()) : reject(new Error('Redis does not answer in time')))
    // timers run before sockets are read, and immediates after that
    const timer = setTimeout(() => setImmediate(end), milliseconds)
    answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
