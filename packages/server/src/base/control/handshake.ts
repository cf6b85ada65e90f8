/**
 * The handshake on Windows, where the control socket is a named pipe. A pipe has no file mode and its name can be
 * taken by any program, so both sides first prove that they can read the token in the data folder, which each
 * start of the server makes. The token itself is never sent: each side answers the other's nonce with an HMAC.
 * How private the token is depends on the permissions of the data folder, which Windows inherits.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type net from 'node:net'
import { dirname, join } from 'node:path'
import { readLine, writeMessage } from './line.ts'

const tokenFile = (dataDir: string): string => join(dataDir, 'control', 'token')

export function makePipeToken(dataDir: string): string {
  const token = randomBytes(32).toString('base64url')
  mkdirSync(dirname(tokenFile(dataDir)), { recursive: true, mode: 0o700 })
  writeFileSync(tokenFile(dataDir), token, { mode: 0o600 })
  return token
}
export const readPipeToken = (dataDir: string): string => readFileSync(tokenFile(dataDir), 'utf8')
export const removePipeToken = (dataDir: string): void => rmSync(tokenFile(dataDir), { force: true })

/** The server's side. @throws where the client does not know the token */
export async function admit(socket: net.Socket, token: string): Promise<void> {
  const theirs = textOf(JSON.parse(await readLine(socket)), 'nonce')
  const ours = randomBytes(32).toString('base64url')
  writeMessage(socket, { nonce: ours, proof: proofOf('server', token, theirs, ours) })
  const proof = textOf(JSON.parse(await readLine(socket)), 'proof')
  if (!isEqual(proof, proofOf('client', token, theirs, ours)))
    throw new Error('the client does not know the token of the data folder')
  writeMessage(socket, { admitted: true })
}

/** The client's side; the request may follow. @throws where the server does not know the token */
export async function introduce(socket: net.Socket, token: string): Promise<void> {
  const ours = randomBytes(32).toString('base64url')
  writeMessage(socket, { nonce: ours })
  const reply: unknown = JSON.parse(await readLine(socket))
  const theirs = textOf(reply, 'nonce')
  if (!isEqual(textOf(reply, 'proof'), proofOf('server', token, ours, theirs)))
    throw new Error('the server does not know the token of the data folder')
  writeMessage(socket, { proof: proofOf('client', token, ours, theirs) })
  await readLine(socket)
}

/** Each side has a proof of its kind, so that none can be sent back to the side that made it. */
const proofOf = (side: 'server' | 'client', token: string, client: string, server: string): string =>
  createHmac('sha256', token).update(`${side} ${client} ${server}`).digest('base64url')

const isEqual = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))

function textOf(message: unknown, field: string): string {
  const value = (message as Record<string, unknown> | null)?.[field]
  if (typeof value !== 'string') throw new Error(`${field} is missing`)
  return value
}
