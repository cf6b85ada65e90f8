/** Shared by the tests of tokens: sign-in with tokens, refresh, and a race of a hundred refreshes. */
import { Agent, request } from 'node:http'
import { expect } from 'vitest'
import { Client, type Json, type Reply } from '../../packages/server/src/testing/client.ts'
import { PASSWORD, type Person, type World } from '../../packages/server/src/testing/world.ts'

export interface Tokens {
  access_token: string
  refresh_token: string
  /** The session token. */
  token: string
  session: { id: string }
}

export const signIn = async (url: string, who: Pick<Person, 'email'>): Promise<Tokens> =>
  (await new Client(url).signIn(who.email, PASSWORD, { tokens: true })).data
export const refreshAt = (url: string, token: string): Promise<Reply> =>
  new Client(url).post('/api/v1/auth/refresh', { refresh_token: token })
export const asBearer = (url: string, token: string, path = '/api/v1/users/me'): Promise<Reply> =>
  new Client(url, { headers: { authorization: `Bearer ${token}` } }).get(path)
export const statusOf = async (url: string, token: string): Promise<number> =>
  (await asBearer(url, token)).status

const MANY = 100

/** As refreshAt, over persistent connections: new ones would take most of the time of a race. */
function refreshBy(
  agent: Agent,
  url: string,
  token: string,
): Promise<{ status: number | undefined; data: Json }> {
  const body = JSON.stringify({ refresh_token: token })
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  return new Promise((resolve, reject) => {
    request(`${url}/api/v1/auth/refresh`, { agent, method: 'POST', headers }, (answer) => {
      let text = ''
      answer
        .setEncoding('utf8')
        .on('data', (chunk) => {
          text += chunk
        })
        .once('end', () => resolve({ status: answer.statusCode, data: JSON.parse(text).data }))
        .once('error', reject)
    })
      .once('error', reject)
      .end(body)
  })
}

/** In each round a hundred requests use the same token concurrently: it is used once, and all get the same successor. */
export async function race(
  urls: readonly string[],
  db: World['db'],
  tokens: Tokens,
  rounds: number,
): Promise<void> {
  const [url = ''] = urls
  const agent = new Agent({ keepAlive: true })
  let token = tokens.refresh_token
  for (let round = 1; round <= rounds; round++) {
    const replies = await Promise.all(
      Array.from({ length: MANY }, (_, n) => refreshBy(agent, urls[n % urls.length] ?? url, token)),
    )
    expect(new Set(replies.map(({ status }) => status)), `round ${round}`).toEqual(new Set([200]))
    const successors = new Set(replies.map(({ data }) => String(data.refresh_token)))
    expect(successors.size, `round ${round}`).toBe(1)
    token = [...successors][0] ?? ''
    if (round % 50 === 1) expect(await statusOf(url, replies[99]?.data.access_token)).toBe(200)
  }
  agent.destroy()
  const rows = await db.tx('system', (tx) =>
    tx
      .selectFrom('refresh_tokens as t')
      .innerJoin('token_families as f', 'f.id', 't.family_id')
      .select(['t.used_at', 'f.revoked_at'])
      .where('f.session_id', '=', tokens.session.id)
      .execute(),
  )
  expect(rows).toHaveLength(rounds + 1)
  expect(rows.filter(({ used_at }) => used_at === null)).toHaveLength(1)
  expect(rows.filter(({ revoked_at }) => revoked_at !== null)).toEqual([])
  expect((await refreshAt(url, token)).status).toBe(200)
}
