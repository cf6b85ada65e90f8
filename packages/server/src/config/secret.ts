/**
 * The server's secret outside production: generated once, stored in the data folder, readable by its owner only.
 * Encryption and signing keys depend on it, so that two processes that start concurrently must use the same one: the
 * file is created atomically with its content, and the second process reads the first one's.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'

export const secretFile = (dataDir: string): string => join(dataDir, 'secret')

/** The stored secret, or null. @throws where the file exists and cannot be read */
export function findKeptSecret(dataDir: string): string | null {
  try {
    return readFileSync(secretFile(dataDir), 'utf8').trim() || null
  } catch (error) {
    if (isFault(error, 'ENOENT') || isFault(error, 'ENOTDIR')) return null
    throw error
  }
}

/** The stored secret, generated where there is none. @throws where the data folder is not writable */
export function keepSecret(dataDir: string): string {
  const kept = findKeptSecret(dataDir)
  if (kept) return kept
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const draft = `${secretFile(dataDir)}.${process.pid}.${randomBytes(4).toString('hex')}`
  const file = openSync(draft, 'wx', 0o600)
  try {
    writeSync(file, `${randomBytes(32).toString('base64url')}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  try {
    linkSync(draft, secretFile(dataDir))
  } catch (error) {
    if (!isFault(error, 'EEXIST')) throw error
  } finally {
    unlinkSync(draft)
  }
  const stored = findKeptSecret(dataDir)
  if (!stored)
    throw new Error(`${secretFile(dataDir)} is empty: delete it; data that was sealed with it is lost`)
  return stored
}

/** Why a secret of sufficient length is weak, or null. */
export function weaknessOf(secret: string): string | null {
  const plain = secret.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
  const sample = ['changeme', 'replaceme', 'yoursecret', 'placeholder', 'example', 'password', 'keyboardcat']
  if (sample.some((word) => plain.includes(word))) return 'looks like a sample value from documentation'
  if (new Set(secret).size < 12) return 'repeats a few characters and can be guessed'
  if (/^(?:0123456789|1234567890|abcdefgh)/.test(plain)) return 'is a sequence that can be guessed'
  return null
}

const isFault = (error: unknown, code: string): boolean =>
  error instanceof Error && (error as NodeJS.ErrnoException).code === code
