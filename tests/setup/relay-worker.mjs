/** The thread of a relay (relay.ts), so that a busy test does not slow it down. */
import { connect, createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'

let mode = { delay: 0 }
const sockets = new Set()

const track = (socket) => {
  sockets.add(socket)
  return socket.once('close', () => sockets.delete(socket)).on('error', () => {})
}
const waitOf = () => mode.delay ?? Math.random() * (mode.random ?? 0)

/** In order: what comes later waits for what came before. */
function pass(from, to, isAnswer) {
  let last = Promise.resolve()
  from.on('data', (chunk) => {
    if (mode.answers !== undefined) {
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
  if (mode.refuses) {
    socket.destroy()
    return
  }
  track(socket)
  const upstream = track(connect(workerData.port, '127.0.0.1'))
  pass(socket, upstream, false)
  pass(upstream, socket, true)
}).listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))

parentPort.on('message', (next) => {
  mode = next
  if (mode.refuses) for (const socket of sockets) socket.destroy()
  parentPort.postMessage('set')
})
