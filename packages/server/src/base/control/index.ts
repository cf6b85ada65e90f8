/**
 * The control socket: how the CLI reaches a running server that holds the embedded database. A Unix domain
 * socket that only the server's own user can open, one request a connection, both sides one JSON line.
 * It knows no command: `serveControl` is handed a function. Who may open the file may do everything, so the
 * folder is 0700 and checked from both sides; nothing is ever sent through a socket in a stranger's folder.
 */
import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, rmSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import { dirname, join } from 'node:path'

/** sun_path is 108 bytes on Linux and 104 on macOS and the BSDs. */
const LONGEST_PATH = 100
const LARGEST_REQUEST = 1024 * 1024

/** Where the server of a data folder listens: in it, or under a short name where that path would be too long. */
export function controlPath(dataDir: string): string {
  const path = join(dataDir, 'control', 'socket')
  if (Buffer.byteLength(path) <= LONGEST_PATH) return path
  const digest = createHash('sha256').update(dataDir).digest('hex').slice(0, 16)
  return join(os.tmpdir(), `latchkey-${os.userInfo().uid}-${digest}`, 'socket')
}

/** The folder exists, is a real folder, is ours, and nobody else's to enter. @throws where it is not */
function assertPrivate(folder: string): void {
  const stats = lstatSync(folder)
  const isOurs = stats.uid === os.userInfo().uid
  if (!stats.isDirectory() || !isOurs || (stats.mode & 0o077) !== 0) {
    throw new Error(`${folder} is not a private folder of this user; remove it and try again`)
  }
}

export type ControlHandler = (request: unknown) => Promise<unknown>

export interface ControlServer {
  path: string
  /** Stops listening, lets requests under way finish, removes the socket. */
  close(): Promise<void>
}

/**
 * Listens for commands. The caller holds the lock of the data folder, so a socket that is already there
 * belonged to a server that was killed.
 */
export async function serveControl(dataDir: string, handle: ControlHandler): Promise<ControlServer> {
  const path = controlPath(dataDir)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  assertPrivate(dirname(path))
  rmSync(path, { force: true })
  // a client may shut down its side after the request and still wait for the answer
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    answer(socket, handle).catch(() => socket.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  chmodSync(path, 0o600)
  return {
    path,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          rmSync(path, { force: true })
          resolve()
        })
      }),
  }
}

async function answer(socket: net.Socket, handle: ControlHandler): Promise<void> {
  socket.on('error', () => socket.destroy())
  socket.setTimeout(10_000, () => socket.destroy())
  const line = await readLine(socket)
  socket.setTimeout(0)
  let reply: unknown
  try {
    reply = await handle(JSON.parse(line))
  } catch (error) {
    reply = { error: error instanceof Error ? error.message : String(error) }
  }
  socket.end(`${JSON.stringify(reply)}\n`)
}

/** Nobody listens there: the server was killed, has not come up yet, or there is none. */
export class NobodyListens extends Error {}

/** Sends one request to the running server. @throws NobodyListens */
export async function askControl(dataDir: string, request: unknown): Promise<unknown> {
  const path = controlPath(dataDir)
  const socket = await connect(path)
  try {
    socket.write(`${JSON.stringify(request)}\n`)
    return JSON.parse(await readLine(socket))
  } finally {
    socket.destroy()
  }
}

/** Whether a server takes commands for this data folder. */
export async function isListening(dataDir: string): Promise<boolean> {
  try {
    const socket = await connect(controlPath(dataDir))
    socket.destroy()
    return true
  } catch (error) {
    if (error instanceof NobodyListens) return false
    throw error
  }
}

function connect(path: string): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const nobody = (error: Error) => reject(new NobodyListens(`nobody listens at ${path}`, { cause: error }))
    try {
      assertPrivate(dirname(path))
    } catch (error) {
      const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT'
      return isAbsent ? nobody(error as Error) : reject(error)
    }
    const socket = net.connect(path)
    socket.once('connect', () => resolve(socket))
    socket.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT' || error.code === 'ECONNREFUSED' ? nobody(error) : reject(error),
    )
  })
}

/** Everything up to the first newline. */
function readLine(socket: net.Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    socket.on('data', (chunk: Buffer) => {
      const end = chunk.indexOf(10)
      size += chunk.length
      chunks.push(end < 0 ? chunk : chunk.subarray(0, end))
      if (end >= 0) resolve(Buffer.concat(chunks).toString('utf8'))
      else if (size > LARGEST_REQUEST) reject(new Error('the message is too long'))
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the connection was closed before the message was complete')))
  })
}
