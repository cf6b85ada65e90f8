/**
 * An API of workspaces and documents with row-level security. No statement restricts its rows to a tenant (one does,
 * with a mistake), and none checks a permission: the policies in schema.sql do both, for the caller of each unit of
 * work.
 */
import { createGuard, jwt, Problem } from '@latchkey/guard'
import { TransactionRolledBack, unitOfWork } from '@latchkey/guard/pg'
import fastify, { type FastifyInstance } from 'fastify'
import type pg from 'pg'

export interface Options {
  pool: pg.Pool
  /** The secret of the token issuer. With a Latchkey server, use `latchkey({ issuer })` in place of `jwt(…)`. */
  secret: Uint8Array
}

interface Route {
  Params: { id: string }
  Querystring: { search?: string }
  Body: Record<string, string>
}

export function workspacesApi({ pool, secret }: Options): FastifyInstance {
  const guard = createGuard({
    methods: [jwt({ secret, issuer: 'my-app', audience: 'my-api' })],
    style: 'detail',
    unauthenticatedStatus: 403,
  })
  const asCaller = unitOfWork(pool, { role: 'workspaces_request' })
  const ask = (text: string, ...values: unknown[]) =>
    asCaller(async (tx) => (await tx.query<Record<string, unknown>>(text, values)).rows)
  /** Rows of other tenants are not found, as if they did not exist. */
  const one = async (text: string, ...values: unknown[]) => {
    const [row] = await ask(text, ...values)
    if (!row) throw new NotFound()
    return row
  }

  const app = fastify()
  app.addHook('onRequest', guard.fastify())
  app.setErrorHandler((error, _request, reply) => {
    const [status, detail] = answerTo(error)
    return reply.code(status).send({ detail })
  })

  const workspaces = 'workspaces_example.workspaces'
  const documents = 'workspaces_example.documents'
  app.get('/workspaces', () => ask(`select id, name from ${workspaces} order by name`))
  app.post<Route>('/workspaces', async ({ body }, reply) =>
    reply
      .code(201)
      .send(await one(`insert into ${workspaces} (name) values ($1) returning id, name`, body?.name)),
  )
  app.get<Route>('/workspaces/:id', ({ params }) =>
    one(`select id, name from ${workspaces} where id = $1`, params.id),
  )
  app.patch<Route>('/workspaces/:id', ({ params, body }) =>
    one(`update ${workspaces} set name = $2 where id = $1 returning id, name`, params.id, body?.name),
  )
  app.delete<Route>('/workspaces/:id', ({ params }) =>
    one(`delete from ${workspaces} where id = $1 returning id`, params.id),
  )
  app.get<Route>('/workspaces/:id/documents', async ({ params }) => {
    await one(`select 1 from ${workspaces} where id = $1`, params.id)
    return ask(`select id, title, author from ${documents} where workspace_id = $1 order by title`, params.id)
  })
  app.post<Route>('/workspaces/:id/documents', async ({ params, body }, reply) =>
    reply
      .code(201)
      .send(
        await one(
          `insert into ${documents} (workspace_id, title, body) values ($1, $2, $3) returning id, workspace_id, title, author`,
          params.id,
          body?.title,
          body?.body,
        ),
      ),
  )
  // The WHERE is broken: `and` precedes `or`, so that its last part matches rows of every tenant. Policies exclude them.
  app.get<Route>('/documents', ({ query }) =>
    ask(
      `select id, title, author from ${documents}
       where organization_id = latchkey.organization_id() and title ilike $1 or body ilike $1 order by title`,
      `%${query.search ?? ''}%`,
    ),
  )
  app.get<Route>('/documents/:id', ({ params }) =>
    one(`select id, workspace_id, title, body, author from ${documents} where id = $1`, params.id),
  )
  app.patch<Route>('/documents/:id', ({ params, body }) =>
    one(
      `update ${documents} set title = coalesce($2, title), body = coalesce($3, body),
         workspace_id = coalesce($4, workspace_id) where id = $1 returning id, workspace_id, title, body, author`,
      params.id,
      body?.title,
      body?.body,
      body?.workspace_id,
    ),
  )
  app.delete<Route>('/documents/:id', ({ params }) =>
    one(`delete from ${documents} where id = $1 returning id`, params.id),
  )
  return app
}

class NotFound extends Error {}

/** Maps SQLSTATE codes (PostgreSQL manual, appendix A) to answers: a workspace of another tenant is not found. */
function answerTo(error: unknown): [status: number, detail: string] {
  if (error instanceof NotFound) return [404, 'Not found']
  if (error instanceof Problem) return [error.status, error.message]
  if (error instanceof TransactionRolledBack) return [409, 'Try again']
  const {
    code,
    statusCode = 500,
    message = '',
  } = error as { code?: string; statusCode?: number; message?: string }
  if (code === '42501') return [403, 'You are not allowed to do this.']
  if (code === '23503') return [404, 'Not found']
  if (code === '23505') return [409, 'This already exists.']
  if (code === '23502' || code === '23514' || code?.startsWith('22'))
    return [400, 'The request is not valid.']
  return statusCode < 500 ? [statusCode, message] : [500, 'Something went wrong on our side.']
}
