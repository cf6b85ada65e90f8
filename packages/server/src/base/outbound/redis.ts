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
  /** Runs a script. Rejects immediately while Redis is not known to answer, otherwise within 100 milliseconds. */
  run(script: Script, keys: readonly string[], values: readonly (string | number)[]): Promise<unknown>
  /** @throws Error of the connection, or of the server's answer */
  ping(): Promise<void>
  close(): void
}

export const script = (text: string): Script => ({ text, digest: hash('sha1', text) })

const COMMAND_TIMEOUT = 100
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
    commandTimeout: COMMAND_TIMEOUT,
    connectTimeout: CONNECT_TIMEOUT,
    retryStrategy: (times) => Math.min(LONGEST_RETRY, 50 * 2 ** Math.min(times - 1, 6)),
  })
  // each lost command is rejected; without a listener the client writes to standard error
  client.on('error', () => {})
  let lost: Error | null = null
  let probe: NodeJS.Timeout | null = null

  function probeLater(): void {
    probe = setTimeout(() => {
      client.ping().then(() => {
        lost = null
      }, probeLater)
    }, PROBE_EVERY).unref()
  }
  function lose(error: Error): void {
    // an answer, even an error, is a sign of life
    if (lost !== null || error instanceof ReplyError) return
    lost = error
    probeLater()
  }

  return {
    async run({ text, digest }, keys, values) {
      if (lost !== null) throw lost
      try {
        return await client.evalsha(digest, keys.length, ...keys, ...values).catch((error: Error) => {
          // a server that was restarted does not know the script
          if (!error.message.startsWith('NOSCRIPT')) throw error
          return client.eval(text, keys.length, ...keys, ...values)
        })
      } catch (error) {
        lose(error as Error)
        throw error
      }
    },
    async ping() {
      if (client.status !== 'ready') await readyOrFailed(client)
      await client.ping()
    },
    close() {
      if (probe) clearTimeout(probe)
      client.disconnect()
    },
  }
}

/** Resolves when the connection is usable. @throws the error of the attempt to connect */
function readyOrFailed(client: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    client.once('ready', resolve)
    client.once('error', reject)
  })
}
