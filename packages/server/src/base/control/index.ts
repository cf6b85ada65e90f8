/**
 * The control socket, by which the CLI sends commands to a running server with the embedded database. One request per
 * connection; request and answer are one JSON line. Commands are handled by the function that `serveControl` receives.
 *
 * A client that can open the socket has all rights. It is a Unix domain socket in a folder with mode 0700, which both
 * sides check, so that nothing is sent through a socket in a folder of another user; on Windows it is a named pipe, and
 * both sides prove that they can read the data folder (handshake.ts).
 */
import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, rmSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import { dirname, join } from 'node:path'
import { admit, introduce, makePipeToken, readPipeToken, removePipeToken } from './handshake.ts'
import { readLine, writeMessage } from './line.ts'

/** sun_path is 108 bytes on Linux and 104 on macOS and the BSDs. */
const LONGEST_PATH = 100

/**
 * The path of the socket: in the data folder, or under a short name where that path would be too long. Pipes of Windows
 * share one namespace, and paths of Windows are case-insensitive.
 */
export function controlPath(dataDir: string, platform: NodeJS.Platform = process.platform): string {
  const digest = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16)
  if (platform === 'win32') return `\\\\.\\pipe\\latchkey-${digest(dataDir.toLowerCase())}`
  const path = join(dataDir, 'control', 'socket')
  if (Buffer.byteLength(path) <= LONGEST_PATH) return path
  return join(os.tmpdir(), `latchkey-${userId()}-${digest(dataDir)}`, 'socket')
}

/** Asserts that the folder exists, is not a link, belongs to this user, and has no access for others. */
/** Of the process; os.userInfo() fails where the user has no entry in /etc/passwd, as in many containers. */
const userId = (): number => process.getuid?.() ?? -1

function assertPrivate(folder: string): void {
  const stats = lstatSync(folder)
  const isOurs = stats.uid === userId()
  if (!stats.isDirectory() || !isOurs || (stats.mode & 0o077) !== 0) {
    throw new Error(`${folder} is not a private folder of this user; remove it and try again`)
  }
}

export type ControlHandler = (request: unknown) => Promise<unknown>

export interface ControlServer {
  path: string
  /** Stops listening, finishes pending requests, removes the socket. */
  close(): Promise<void>
}

/**
 * Listens for commands. The caller holds the lock of the data folder, so that an existing socket is that of a killed
 * server.
 */
export async function serveControl(
  dataDir: string,
  handle: ControlHandler,
  platform: NodeJS.Platform = process.platform,
): Promise<ControlServer> {
  const path = controlPath(dataDir, platform)
  const isPipe = platform === 'win32'
  const token = isPipe ? makePipeToken(dataDir) : null
  if (!isPipe) prepareFolder(path)
  // a client may shut down its side after the request and still wait for the answer
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    answer(socket, token, handle).catch(() => socket.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new Error(`cannot listen at ${path}: ${cause.message}`, { cause })),
    )
    server.listen(path, resolve)
  })
  if (!isPipe) chmodSync(path, 0o600)
  return {
    path,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          try {
            if (isPipe) removePipeToken(dataDir)
            else rmSync(path, { force: true })
          } catch {
            // a disk that has failed; the next start removes what is left
          }
          resolve()
        })
      }),
  }
}

/** Creates a private folder for the socket, and removes the socket of a killed server. */
function prepareFolder(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  assertPrivate(dirname(path))
  rmSync(path, { force: true })
}

async function answer(socket: net.Socket, token: string | null, handle: ControlHandler): Promise<void> {
  socket.on('error', () => socket.destroy())
  socket.setTimeout(10_000, () => socket.destroy())
  if (token !== null) await admit(socket, token)
  const line = await readLine(socket)
  socket.setTimeout(0)
  let reply: unknown
  try {
    reply = await handle(JSON.parse(line))
  } catch (error) {
    reply = { error: error instanceof Error ? error.message : String(error) }
  }
  writeMessage(socket, reply)
  socket.end()
}

/** No server listens on the control socket: it was killed, is still starting, or does not exist. */
export class ControlUnavailable extends Error {}

/** Sends one request to the running server. @throws ControlUnavailable */
export async function sendControlRequest(
  dataDir: string,
  request: unknown,
  platform: NodeJS.Platform = process.platform,
): Promise<unknown> {
  const socket = await connect(dataDir, platform)
  try {
    writeMessage(socket, request)
    return JSON.parse(await readLine(socket))
  } finally {
    socket.destroy()
  }
}

/** Whether a server takes commands for this data folder. */
export async function isListening(
  dataDir: string,
  platform: NodeJS.Platform = process.platform,
): Promise<boolean> {
  try {
    const socket = await connect(dataDir, platform)
    socket.destroy()
    return true
  } catch (error) {
    if (error instanceof ControlUnavailable) return false
    throw error
  }
}

/** Connects to the server of this data folder, and to no other program. */
async function connect(dataDir: string, platform: NodeJS.Platform): Promise<net.Socket> {
  const path = controlPath(dataDir, platform)
  try {
    const token = platform === 'win32' ? readPipeToken(dataDir) : null
    if (token === null) assertPrivate(dirname(path))
    const socket = await open(path)
    if (token !== null) await introduce(socket, token).catch((error: Error) => abandon(socket, error))
    return socket
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'ECONNREFUSED') throw error
    throw new ControlUnavailable(`no server listens at ${path}`, { cause: error })
  }
}

function open(path: string): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(path)
    socket.once('connect', () => resolve(socket))
    // not `once`: a later error without a listener would end the process
    socket.on('error', reject)
  })
}

function abandon(socket: net.Socket, error: Error): never {
  socket.destroy()
  throw error
}
