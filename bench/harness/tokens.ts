/** Access tokens from the API, each for the session of a different user. */
import { clientOf, tokenOf } from './population.ts'

/** Number of concurrent requests. */
const AT_ONCE = 16

export async function accessTokens(port: number, count: number): Promise<string[]> {
  const tokens: string[] = []
  let next = 0
  const work = async () => {
    while (next < count) tokens.push(await accessToken(port, next++))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return tokens
}

/** @param i the number of the user */
export async function accessToken(port: number, i: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/auth/tokens`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${tokenOf(i)}`,
      'content-type': 'application/json',
      'x-forwarded-for': clientOf(i),
    },
    body: '{}',
  })
  const body = (await response.json()) as { data?: { access_token: string } }
  if (!body.data) throw new Error(`auth/tokens answered ${response.status}: ${JSON.stringify(body)}`)
  return body.data.access_token
}
