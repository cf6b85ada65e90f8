/** Using the proofs of a request up: of concurrent requests with one of them, one statement finds it unused. */
import { type CompiledQuery, sql } from 'kysely'
import { sha256 } from '../../../base/crypto.ts'
import type { Db, Statements } from '../../../base/db/types.ts'
import './tables.ts'

/** Something that may be used once. */
export interface SingleUse {
  kind: 'assertion' | 'dpop'
  /** The app or the key that the id is of: others may choose the same. */
  owner: string
  id: string
  /** Until when it is remembered: at least as long as its time permits it. */
  until: Date
}

/** The length of the owner keeps two of them from being read as one. */
const digestOf = ({ kind, owner, id }: SingleUse): Buffer => sha256(`${kind} ${owner.length} ${owner} ${id}`)

type Inserting = CompiledQuery<{ hash: Buffer }>

function inserting(db: Statements, rows: number): Inserting {
  const one = sql`(${Buffer.alloc(0)}, ${new Date(0)})`
  return sql<{ hash: Buffer }>`
    insert into used_proofs (hash, expires_at) values ${sql.join(Array(rows).fill(one))}
    on conflict (hash) do nothing returning hash`.compile(db)
}

/** For one and for two, of each database of this process. */
const compiled = new WeakMap<Statements, readonly Inserting[]>()

function statementsOf({ hot }: Pick<Db, 'hot'>): readonly Inserting[] {
  let all = compiled.get(hot)
  if (all === undefined) {
    all = [inserting(hot, 1), inserting(hot, 2)]
    compiled.set(hot, all)
  }
  return all
}

/** Uses all of them up, two at most. @returns those that were used before; empty: none */
export async function useOnce(db: Pick<Db, 'hot' | 'run'>, uses: readonly SingleUse[]): Promise<SingleUse[]> {
  if (uses.length === 0) return []
  const statement = statementsOf(db)[uses.length - 1]
  if (statement === undefined) throw new Error(`${uses.length} proofs of one request`)
  const hashed = uses.map((use) => ({ use, hash: digestOf(use) }))
  // in one order, so that two requests do not wait for each other
  hashed.sort((a, b) => Buffer.compare(a.hash, b.hash))
  const rows = await db.run(
    statement,
    hashed.flatMap(({ use, hash }) => [hash, use.until]),
  )
  const fresh = new Set(rows.map(({ hash }) => hash.toString('hex')))
  return hashed.flatMap(({ use, hash }) => (fresh.has(hash.toString('hex')) ? [] : [use]))
}
