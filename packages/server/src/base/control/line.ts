/** One message of the control socket: a line of JSON, at most a megabyte long. */
import type net from 'node:net'

const LONGEST = 1024 * 1024

export const writeMessage = (socket: net.Socket, message: unknown): boolean =>
  socket.write(`${JSON.stringify(message)}\n`)

/** Everything up to the next newline. The other side sends nothing more before it was answered. */
export function readLine(socket: net.Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const onData = (chunk: Buffer) => {
      const end = chunk.indexOf(10)
      size += chunk.length
      chunks.push(end < 0 ? chunk : chunk.subarray(0, end))
      if (end >= 0) settle(() => resolve(Buffer.concat(chunks).toString('utf8')))
      else if (size > LONGEST) settle(() => reject(new Error('the message is too long')))
    }
    const onError = (error: Error) => settle(() => reject(error))
    // a half-open connection ends long before it is closed
    const onClose = () =>
      settle(() => reject(new Error('the connection was closed before the message was complete')))
    const settle = (outcome: () => void) => {
      socket.off('data', onData).off('error', onError).off('end', onClose).off('close', onClose)
      outcome()
    }
    socket.on('data', onData).on('error', onError).on('end', onClose).on('close', onClose)
  })
}
