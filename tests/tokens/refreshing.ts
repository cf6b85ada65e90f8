/** What tests of tokens share: signing in with them, refreshing, and the race of a hundred. */
import { expect } from 'vitest'
import { Client, type Reply } from '../../packages/server/src/testing/client.ts'
import { PASSWORD, type Person, type World } from '../../packages/server/src/testing/world.ts'

export interface Tokens {
  access_token: string
  refresh_token: string
  /** Of the session itself. */
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

/** Round after round: everybody brings the same token at once, it is used up once, and all get its one successor. */
export async function race(
  urls: readonly string[],
  db: World['db'],
  tokens: Tokens,
  rounds: number,
): Promise<void> {
  const [url = ''] = urls
  let token = tokens.refresh_token
  for (let round = 1; round <= rounds; round++) {
    const replies = await Promise.all(
      Array.from({ length: MANY }, (_, n) => refreshAt(urls[n % urls.length] ?? url, token)),
    )
    expect(new Set(replies.map(({ status }) => status)), `round ${round}`).toEqual(new Set([200]))
    const successors = new Set(replies.map(({ data }) => String(data.refresh_token)))
    expect(successors.size, `round ${round}`).toBe(1)
    token = [...successors][0] ?? ''
    if (round % 50 === 1) expect(await statusOf(url, replies[99]?.data.access_token)).toBe(200)
  }
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
