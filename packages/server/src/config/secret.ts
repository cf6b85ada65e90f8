/**
 * The server's secret outside production: made once, kept in the data folder, readable by its owner alone.
 * Everything sealed or signed hangs on it, so two processes that start at once must end up with the same one:
 * the file appears under its name complete or not at all, and whoever comes second reads the first's.
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

/** The kept secret, or null where none was kept yet. @throws where the file is there and cannot be read */
export function findKeptSecret(dataDir: string): string | null {
  try {
    return readFileSync(secretFile(dataDir), 'utf8').trim() || null
  } catch (error) {
    if (isFault(error, 'ENOENT') || isFault(error, 'ENOTDIR')) return null
    throw error
  }
}

/** The kept secret, made now where there is none. @throws where the data folder cannot be written */
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
  const made = findKeptSecret(dataDir)
  if (!made)
    throw new Error(`${secretFile(dataDir)} is empty: delete it, and what was sealed with it is lost`)
  return made
}

/** Why a secret of sufficient length is still no secret, or null. */
export function weaknessOf(secret: string): string | null {
  const plain = secret.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
  const sample = ['changeme', 'replaceme', 'yoursecret', 'placeholder', 'example', 'password', 'keyboardcat']
  if (sample.some((word) => plain.includes(word)))
    return 'looks like a sample value from a page of documentation'
  if (new Set(secret).size < 12) return 'repeats a few characters and can be guessed'
  if (/^(?:0123456789|1234567890|abcdefgh)/.test(plain)) return 'is a sequence that can be guessed'
  return null
}

const isFault = (error: unknown, code: string): boolean =>
  error instanceof Error && (error as NodeJS.ErrnoException).code === code
