/** A relay of TCP connections to a server on this machine, which a test makes slow, silent, or a server of another kind. */
import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'

/** How the relay behaves: it passes on what it gets, after a while; answers with a text; or ends each connection. */
export type RelayMode = { delay: number } | { random: number } | { answers: string } | { refuses: true }

export interface Relay {
  port: number
  /** From now on, for open connections as well. */
  set(mode: RelayMode): Promise<void>
  stop(): Promise<void>
}

/** @param target the URL of the server */
export async function startRelay(target: string): Promise<Relay> {
  const worker = new Worker(join(import.meta.dirname, 'relay-worker.mjs'), {
    workerData: { port: Number(new URL(target).port) },
  })
  const [port] = (await once(worker, 'message')) as [number]
  return {
    port,
    async set(mode) {
      const done = once(worker, 'message')
      worker.postMessage(mode)
      await done
    },
    async stop() {
      await worker.terminate()
    },
  }
}
