/**
 * Sets of backup codes: made, replaced, counted. A user has one set at most; making another ends the former one.
 * Invariant: only hashes are stored, and the codes are in one answer. A set whose last code is used is deleted, so that
 * the factor exists while it can be used.
 */
import type { Statements, Tx } from '../../../base/db/types.ts'
import { deleteFactor, insertFactor } from '../../../core/factors/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { mayEnrol } from '../second-factor/index.ts'
import { foldBackupCode, newBackupCodes, newSalt } from './codes.ts'
import { hasCodes, insertCodes, moveCodes, selectSet } from './sql.ts'

/** Codes that are shown once, and what is stored of them. */
export interface NewSet {
  codes: readonly string[]
  salt: Buffer
  hashes: readonly Buffer[]
}

/** Codes that a user gets where there are none when a factor is stored. */
export interface OfferedSet extends NewSet {
  /** Whether they are the user's: otherwise they are not shown, because they are not valid. */
  isStored: boolean
}

/** Makes codes, outside of transactions, because hashes take time. @throws Problem UNAVAILABLE */
export async function makeSet({ config, hashing }: Pick<Tools, 'config' | 'hashing'>): Promise<NewSet> {
  const codes = newBackupCodes(config.backupCodes)
  const salt = newSalt()
  return {
    codes,
    salt,
    hashes: await Promise.all(codes.map((code) => hashing.hashCode(foldBackupCode(code), salt))),
  }
}

/** Codes for a user who has none, to be shown after a factor was set up; null where this server does not offer them. */
export const makeSetWhereNone = async (
  tools: Pick<Tools, 'config' | 'db' | 'hashing'>,
  userId: string,
): Promise<OfferedSet | null> =>
  mayEnrol(tools.config, 'backup_code') && (await countBackupCodes(tools.db.hot, userId)) === 0
    ? { ...(await makeSet(tools)), isStored: false }
    : null

/** Stores codes with an authenticator that is not confirmed yet: they are valid once it is. */
export const keepWith = (tx: Tx, factorId: string, set: NewSet): Promise<void> =>
  insertCodes(tx, factorId, set)

/** Replaces the user's set. The caller holds the user's row. */
export async function replaceSet(tx: Tx, userId: string, set: NewSet, now: Date): Promise<void> {
  await insertCodes(tx, await newSetFactor(tx, userId, now), set)
}

/**
 * Makes the codes that were stored with an authenticator the user's set, where there are any. The caller holds the user's
 * row. @returns whether there were
 */
export async function adoptSet(tx: Tx, userId: string, factorId: string, now: Date): Promise<boolean> {
  if (!(await hasCodes(tx, factorId))) return false
  await moveCodes(tx, factorId, await newSetFactor(tx, userId, now))
  return true
}

async function newSetFactor(tx: Tx, userId: string, now: Date): Promise<string> {
  const [former] = await selectSet(tx, userId)
  if (former) await deleteFactor(tx, userId, former.factor_id)
  return (await insertFactor(tx, { userId, kind: 'backup_codes', name: null, confirmed: true }, now)).id
}

export const countBackupCodes = async (db: Statements, userId: string): Promise<number> =>
  (await selectSet(db, userId)).filter((code) => code.used_at === null).length
