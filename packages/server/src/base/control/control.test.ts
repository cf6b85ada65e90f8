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
  askControl,
  type ControlServer,
  controlPath,
  isListening,
  NobodyListens,
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

it('answers one request a connection, many at once', async () => {
  server = await serveControl(dataDir, echo)
  const asked = Array.from({ length: 50 }, (_, i) => askControl(dataDir, { i, text: 'ä\n\u2028'.repeat(i) }))
  expect(await Promise.all(asked)).toEqual(
    asked.map((_, i) => ({ echo: { i, text: 'ä\n\u2028'.repeat(i) } })),
  )
})

it('is open to its own user alone', async () => {
  server = await serveControl(dataDir, echo)
  expect(statSync(server.path).mode & 0o777).toBe(0o600)
  expect(statSync(dirname(server.path)).mode & 0o777).toBe(0o700)
})

it('takes the place of a killed server and leaves nothing behind', async () => {
  mkdirSync(join(dataDir, 'control'), { mode: 0o700 })
  writeFileSync(join(dataDir, 'control', 'socket'), '')
  server = await serveControl(dataDir, echo)
  expect(await askControl(dataDir, 1)).toEqual({ echo: 1 })
  expect(await isListening(dataDir)).toBe(true)
  await server.close()
  expect(existsSync(server.path)).toBe(false)
  expect(await isListening(dataDir)).toBe(false)
})

it('says that nobody listens, without a server and beside the socket of a dead one', async () => {
  await expect(askControl(dataDir, 1)).rejects.toBeInstanceOf(NobodyListens)
  mkdirSync(join(dataDir, 'control'), { mode: 0o700 })
  await expect(askControl(dataDir, 1)).rejects.toBeInstanceOf(NobodyListens)
})

it('uses a short path where the data folder is deep', async () => {
  const deep = join(dataDir, 'x'.repeat(120))
  expect(Buffer.byteLength(controlPath(deep))).toBeLessThan(104)
  expect(controlPath(deep)).not.toBe(controlPath(`${deep}y`))
  server = await serveControl(deep, echo)
  expect(await askControl(deep, 'hello')).toEqual({ echo: 'hello' })
})

it('refuses a folder that others may enter or that leads elsewhere', async () => {
  const folder = join(dataDir, 'control')
  mkdirSync(folder)
  chmodSync(folder, 0o755)
  await expect(serveControl(dataDir, echo)).rejects.toThrow('not a private folder')
  await expect(askControl(dataDir, 1)).rejects.toThrow('not a private folder')
  const elsewhere = join(dataDir, 'elsewhere')
  mkdirSync(elsewhere, { mode: 0o700 })
  symlinkSync(elsewhere, join(elsewhere, 'control'))
  await expect(askControl(elsewhere, 1)).rejects.toThrow('not a private folder')
})

it('answers a failing command with its message and survives nonsense', async () => {
  server = await serveControl(dataDir, async () => {
    throw new Error('no such command')
  })
  expect(await askControl(dataDir, {})).toEqual({ error: 'no such command' })
  const socket = net.connect(server.path)
  socket.end('{{{\n')
  const reply = await new Promise<string>((resolve) =>
    socket.once('data', (chunk) => resolve(chunk.toString())),
  )
  expect(JSON.parse(reply)).toHaveProperty('error')
  expect(await askControl(dataDir, {})).toEqual({ error: 'no such command' })
})

it('lets a request under way finish when it closes', async () => {
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
  const asked = askControl(dataDir, {})
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
    const asked = Array.from({ length: 20 }, (_, i) => askControl(dataDir, { i }, 'win32'))
    expect(await Promise.all(asked)).toEqual(asked.map((_, i) => ({ echo: { i } })))
    expect(await isListening(dataDir, 'win32')).toBe(true)
    await server.close()
    expect(existsSync(tokenFile())).toBe(false)
    expect(await isListening(dataDir, 'win32')).toBe(false)
    await expect(askControl(dataDir, 1, 'win32')).rejects.toBeInstanceOf(NobodyListens)
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
    await expect(askControl(dataDir, { password: 'secret' }, 'win32')).rejects.toThrow(
      'does not know the token',
    )
    stranger.close()
    expect(received.join('')).toMatch(/^\{"nonce":"[\w-]{43}"\}\n$/)
  })
})
