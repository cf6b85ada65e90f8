/** A relay of TCP connections to a server on this machine, which a test makes slow, silent, or a server of another kind. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** How the relay behaves: it passes on what it gets, after a while; answers with a text; or ends each connection. */
export type RelayMode = { delay: number } | { random: number } | { answers: string } | 'refuses'

export interface Relay {
  port: number
  /** From now on, for open connections as well. */
  set(mode: RelayMode): void
  stop(): Promise<void>
}

/** @param target the URL of the server */
export async function startRelay(target: string): Promise<Relay> {
  let mode: RelayMode = { delay: 0 }
  const sockets = new Set<Socket>()
  const track = (socket: Socket): Socket => {
    sockets.add(socket)
    return socket.once('close', () => sockets.delete(socket)).on('error', () => {})
  }
  const waitOf = (): number => {
    if (typeof mode === 'string' || 'answers' in mode) return 0
    return 'delay' in mode ? mode.delay : Math.random() * mode.random
  }
  /** In order: what comes later waits for what came before. */
  const pass = (from: Socket, to: Socket, isAnswer: boolean): void => {
    let last = Promise.resolve()
    from.on('data', (chunk) => {
      if (typeof mode === 'object' && 'answers' in mode) {
        if (!isAnswer) from.write(mode.answers)
        return
      }
      const due = isAnswer ? 0 : performance.now() + waitOf()
      last = last.then(async () => {
        const left = due - performance.now()
        if (left > 0) await pause(left)
        to.write(chunk)
      })
    })
    from.once('close', () => to.destroy())
  }
  const server = createServer((socket) => {
    if (mode === 'refuses') {
      socket.destroy()
      return
    }
    track(socket)
    const upstream = track(connect(Number(new URL(target).port), '127.0.0.1'))
    pass(socket, upstream, false)
    pass(upstream, socket, true)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    set(next) {
      mode = next
      if (mode === 'refuses') for (const socket of sockets) socket.destroy()
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
