/**
 * When a request has ended: with its answer, or with its connection. An answer that waits behind another one (pipelining) emits
 * nothing when the client resets the connection.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** By connection, what its open requests have to end. */
const open = new WeakMap<Socket, Set<() => void>>()

/** Calls `end` once. */
export function onEnd({ socket }: IncomingMessage, res: ServerResponse, end: () => void): void {
  const ends = open.get(socket) ?? watch(socket)
  const once = (): void => {
    if (ends.delete(once)) end()
  }
  ends.add(once)
  res.on('close', once)
}

function watch(socket: Socket): Set<() => void> {
  const ends = new Set<() => void>()
  open.set(socket, ends)
  socket.once('close', () => {
    for (const end of [...ends]) end()
  })
  return ends
}
