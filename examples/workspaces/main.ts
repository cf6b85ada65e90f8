/** `npm run example -- workspaces`: two tenants, and requests to try. */
import { randomBytes } from 'node:crypto'
import { unitOfWork } from '@latchkey/guard/pg'
import { SignJWT } from 'jose'
import { port, show } from '../try.ts'
import { workspacesApi } from './app.ts'
import { openDatabase } from './database.ts'

const secret = process.env.TOKEN_SECRET ? Buffer.from(process.env.TOKEN_SECRET) : randomBytes(32)
const pool = await openDatabase()

// A job, or a test, passes the caller.
const asCaller = unitOfWork(pool, { role: 'workspaces_request' })
const begin = (userId: string, organizationId: string) =>
  asCaller({ userId, organizationId, permissions: ['*'] }, async (tx) => {
    const { rows } = await tx.query<{ id: string }>(
      `insert into workspaces_example.workspaces (name) values ('Plans') on conflict (organization_id, name)
       do update set name = excluded.name returning id`,
    )
    const workspace = rows[0]?.id
    const made = await tx.query<{ id: string }>(
      `insert into workspaces_example.documents (workspace_id, title, body) values ($1, $2, $3) returning id`,
      [workspace, `Plan of ${organizationId}`, 'secret until May'],
    )
    return { workspace, document: made.rows[0]?.id }
  })
await begin('ada', 'org_acme')
const others = await begin('bob', 'org_bolt')

const app = workspacesApi({ pool, secret })
await app.listen({ port, host: '127.0.0.1' })

// your sign-in issues tokens such as this one; `org` is the organization in which the user acts
const token = (permissions: string[]) =>
  new SignJWT({ org: 'org_acme', permissions })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject('ada')
    .setIssuer('my-app')
    .setAudience('my-api')
    .setExpirationTime('1h')
    .sign(secret)
const ada = `-H 'Authorization: Bearer ${await token(['documents:*'])}'`
const reader = `-H 'Authorization: Bearer ${await token(['documents:read'])}'`
const json = `-H 'Content-Type: application/json'`
show(app.server, [
  `${ada} URL/documents?search=secret # 200`,
  `${ada} URL/documents/${others.document} # 404`,
  `${ada} -X DELETE URL/documents/${others.document} # 404`,
  `${ada} -X POST ${json} -d '{"title":"Mine","body":"in yours"}' URL/workspaces/${others.workspace}/documents # 404`,
  `${ada} -X POST ${json} -d '{"name":"More"}' URL/workspaces # 403`,
  `${reader} URL/workspaces # 200`,
  `URL/documents # 403`,
])
