import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type ControlServer,
  ControlUnavailable,
  controlPath,
  isListening,
  sendControlRequest,
  serveControl,
} from './index.ts'
import { readLine } from './line.ts'

let dataDir = ''
let server: ControlServer | null = null
beforeEach(() => {
  const made = mkdtempSync(join(tmpdir(), 'lk-control-'))
  dataDir = made
  return () => rmSync(made, { recursive: true, force: true })
})
afterEach(async () => {
  await server?.close()
  server = null
})
const echo = async (request: unknown) => ({ echo: request })

it('answers one request per connection, on many connections at the same time', async () => {
  server = await serveControl(dataDir, echo)
  const asked = Array.from({ length: 50 }, (_, i) =>
    sendControlRequest(dataDir, { i, text: 'ä\n\u2028'.repeat(i) }),
  )
  expect(await Promise.all(asked)).toEqual(
    asked.map((_, i) => ({ echo: { i, text: 'ä\n\u2028'.repeat(i) } })),
  )
})

it('is accessible to its user only', async () => {
  server = await serveControl(dataDir, echo)
  expect(statSync(server.path).mode & 0o777).toBe(0o600)
  expect(statSync(dirname(server.path)).mode & 0o777).toBe(0o700)
})

it('replaces the socket of a killed server and leaves nothing behind', async () => {
  mkdirSync(join(dataDir, 'control'), { mode: 0o700 })
  writeFileSync(join(dataDir, 'control', 'socket'), '')
  server = await serveControl(dataDir, echo)
  expect(await sendControlRequest(dataDir, 1)).toEqual({ echo: 1 })
  expect(await isListening(dataDir)).toBe(true)
  await server.close()
  expect(existsSync(server.path)).toBe(false)
  expect(await isListening(dataDir)).toBe(false)
})

it('reports that no server listens, without a server and with the socket of a killed one', async () => {
  await expect(sendControlRequest(dataDir, 1)).rejects.toBeInstanceOf(ControlUnavailable)
  mkdirSync(join(dataDir, 'control'), { mode: 0o700 })
  await expect(sendControlRequest(dataDir, 1)).rejects.toBeInstanceOf(ControlUnavailable)
})

it('uses a short path where that of the data folder is long', async () => {
  const deep = join(dataDir, 'x'.repeat(120))
  expect(Buffer.byteLength(controlPath(deep))).toBeLessThan(104)
  expect(controlPath(deep)).not.toBe(controlPath(`${deep}y`))
  server = await serveControl(deep, echo)
  expect(await sendControlRequest(deep, 'hello')).toEqual({ echo: 'hello' })
})

it('refuses a folder that others can access, and a link', async () => {
  const folder = join(dataDir, 'control')
  mkdirSync(folder)
  chmodSync(folder, 0o755)
  await expect(serveControl(dataDir, echo)).rejects.toThrow('not a private folder')
  await expect(sendControlRequest(dataDir, 1)).rejects.toThrow('not a private folder')
  const elsewhere = join(dataDir, 'elsewhere')
  mkdirSync(elsewhere, { mode: 0o700 })
  symlinkSync(elsewhere, join(elsewhere, 'control'))
  await expect(sendControlRequest(elsewhere, 1)).rejects.toThrow('not a private folder')
})

it('answers a failing command with its message and survives malformed requests', async () => {
  server = await serveControl(dataDir, async () => {
    throw new Error('no such command')
  })
  expect(await sendControlRequest(dataDir, {})).toEqual({ error: 'no such command' })
  const socket = net.connect(server.path)
  socket.end('{{{\n')
  const reply = await new Promise<string>((resolve) =>
    socket.once('data', (chunk) => resolve(chunk.toString())),
  )
  expect(JSON.parse(reply)).toHaveProperty('error')
  expect(await sendControlRequest(dataDir, {})).toEqual({ error: 'no such command' })
})

it('finishes pending requests when it closes', async () => {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let began = () => {}
  const begun = new Promise<void>((resolve) => {
    began = resolve
  })
  server = await serveControl(dataDir, async () => {
    began()
    await held
    return 'done'
  })
  const asked = sendControlRequest(dataDir, {})
  await begun
  const closed = server.close()
  server = null
  release()
  expect(await asked).toBe('done')
  await closed
})

describe('on Windows', () => {
  // elsewhere a pipe's name is that of a socket in the working directory, which carries the same handshake
  const before = process.cwd()
  beforeEach(() => process.chdir(dataDir))
  afterEach(() => process.chdir(before))
  const tokenFile = () => join(dataDir, 'control', 'token')
  const raw = (path: string) =>
    new Promise<net.Socket>((resolve) => {
      const socket = net.connect(path, () => resolve(socket))
      socket.on('error', () => {})
    })

  it('listens at a pipe that is named after the data folder, in either case', () => {
    const path = controlPath('C:\\Users\\ada\\latchkey', 'win32')
    expect(path).toMatch(/^\\\\\.\\pipe\\latchkey-[0-9a-f]{16}$/)
    expect(controlPath('c:\\users\\Ada\\latchkey', 'win32')).toBe(path)
    expect(controlPath('C:\\Users\\ada\\other', 'win32')).not.toBe(path)
    expect(controlPath('/var/lib/latchkey', 'linux')).toBe('/var/lib/latchkey/control/socket')
    expect(controlPath('/var/lib/latchkey', 'darwin')).toBe('/var/lib/latchkey/control/socket')
  })

  it('answers clients that can read the token, many at once, and takes the token away when it closes', async () => {
    server = await serveControl(dataDir, echo, 'win32')
    expect(statSync(tokenFile()).mode & 0o777).toBe(0o600)
    const asked = Array.from({ length: 20 }, (_, i) => sendControlRequest(dataDir, { i }, 'win32'))
    expect(await Promise.all(asked)).toEqual(asked.map((_, i) => ({ echo: { i } })))
    expect(await isListening(dataDir, 'win32')).toBe(true)
    await server.close()
    expect(existsSync(tokenFile())).toBe(false)
    expect(await isListening(dataDir, 'win32')).toBe(false)
    await expect(sendControlRequest(dataDir, 1, 'win32')).rejects.toBeInstanceOf(ControlUnavailable)
  })

  it('hands no request of a client without the token to the commands', async () => {
    let requests = 0
    server = await serveControl(dataDir, async () => ++requests, 'win32')
    const replies: string[] = []
    for (const words of [
      [{ command: 'users list' }],
      [{ nonce: 'mine' }, { proof: 'guessed' }, { command: 'users list' }],
      [{ nonce: 'mine' }, { command: 'users list' }],
    ]) {
      const socket = await raw(server.path)
      for (const word of words) {
        socket.write(`${JSON.stringify(word)}\n`)
        replies.push(await readLine(socket).catch(() => 'closed'))
        if (replies.at(-1) === 'closed') break
      }
      socket.destroy()
    }
    expect(replies.filter((reply) => reply === 'closed')).toHaveLength(3)
    expect(
      replies.filter((reply) => reply !== 'closed').map((reply) => Object.keys(JSON.parse(reply))),
    ).toEqual([
      ['nonce', 'proof'],
      ['nonce', 'proof'],
    ])
    expect(requests).toBe(0)
  })

  it('sends nothing to a program that took the name of the pipe', async () => {
    server = await serveControl(dataDir, echo, 'win32')
    const { path } = server
    const token = readFileSync(tokenFile(), 'utf8')
    await server.close()
    writeFileSync(tokenFile(), token)
    const received: string[] = []
    const stranger = net.createServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', (chunk) => {
        received.push(chunk.toString())
        socket.write(`${JSON.stringify({ nonce: 'theirs', proof: 'x'.repeat(43) })}\n`)
      })
    })
    await new Promise<void>((resolve) => stranger.listen(path, resolve))
    await expect(sendControlRequest(dataDir, { password: 'secret' }, 'win32')).rejects.toThrow(
      'does not know the token',
    )
    stranger.close()
    expect(received.join('')).toMatch(/^\{"nonce":"[\w-]{43}"\}\n$/)
  })
})
