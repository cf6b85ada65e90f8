/** The database of the example: PostgreSQL at `DATABASE_URL`, or an empty PGlite in this process. */
import { readFileSync } from 'node:fs'
import { Duplex } from 'node:stream'
import { PGlite } from '@electric-sql/pglite'
import { latchkeySql } from '@latchkey/guard/pg'
import pg from 'pg'

/** Creates the functions and tables that are missing; a Latchkey server in the same database has the functions already. */
export async function openDatabase(): Promise<pg.Pool> {
  const url = process.env.DATABASE_URL
  const pool = url ? new pg.Pool({ connectionString: url }) : await embedded()
  const { rows } = await pool.query(
    `select to_regprocedure('latchkey.user_id()') is not null as functions, to_regnamespace('workspaces_example') is not null as tables`,
  )
  if (!rows[0].functions) await pool.query(latchkeySql)
  if (!rows[0].tables) await pool.query(readFileSync(new URL('schema.sql', import.meta.url), 'utf8'))
  return pool
}

/** Connects pg to PGlite in memory, by the PostgreSQL protocol. PGlite has one connection. */
async function embedded(): Promise<pg.Pool> {
  const lite = await PGlite.create()
  const wire = () => {
    const stream = new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        lite.execProtocolRaw(chunk).then((answer) => {
          stream.push(Buffer.from(answer))
          done()
        }, done)
      },
    })
    const connect = () => queueMicrotask(() => stream.emit('connect'))
    return Object.assign(stream, { connect, setNoDelay() {}, setKeepAlive() {}, ref() {}, unref() {} })
  }
  return new pg.Pool({ stream: wire as never, max: 1, user: 'postgres', database: 'postgres', ssl: false })
}
