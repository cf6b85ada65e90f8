/** Guesses at the codes by e-mail that a sign-in begins with: anyone can request one, so waiting must not give more of them. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startWorld, type World } from '../../../testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ trustedProxies: ['127.0.0.1', '::1'] })
})
afterAll(() => world.stop())

let addresses = 0
const stranger = () => {
  addresses += 1
  const from = `203.0.${addresses >> 8}.${addresses & 255}`
  return world.client({ headers: { 'x-forwarded-for': from } })
}
const request = async (email: string): Promise<string> => {
  const { attempt } = (await stranger().post('/api/v1/auth/email-code', { email })).data
  await world.app.settle()
  return attempt
}
const guess = (attempt: string, code: string) =>
  stranger().post('/api/v1/auth/email-code/complete', { attempt, code })

async function guessFor(email: string): Promise<string[]> {
  const answers: string[] = []
  for (let round = 0; round < 24; round++) {
    const attempt = await request(email)
    for (let n = 0; n < 5; n++) answers.push((await guess(attempt, String(100_000 + n))).code ?? '')
    await world.clock.advance('20 minutes')
  }
  return answers
}
const counted = (answers: string[], code: string) => answers.filter((one) => one === code).length

it('are 100 in all, from any addresses and however slowly, until a link proves the mailbox', async () => {
  const { email } = await world.person({ signIn: false })
  const answers = await guessFor(email)
  // the fifth of an attempt is the last of its code, so that it may be answered as such
  expect(counted(answers, 'ACCOUNT_LOCKED')).toBeGreaterThanOrEqual(15)
  expect(answers.length - counted(answers, 'ACCOUNT_LOCKED')).toBeLessThanOrEqual(105)
  const refused = await guess(await request(email), '123456')
  expect([refused.status, refused.code]).toEqual([423, 'ACCOUNT_LOCKED'])
  // an account that does not exist answers alike
  expect(await guessFor('unknown@example.com')).toEqual(answers)

  const browser = world.client()
  const { attempt } = (await browser.post('/api/v1/auth/magic-link', { email })).data
  await world.app.settle()
  const token = await world.mailbox.tokenFor(email, /sign-in\/link/)
  expect((await browser.post('/api/v1/auth/magic-link/complete', { token, attempt })).status).toBe(200)
  expect((await guess(await request(email), '123456')).code).toBe('AUTHENTICATION_FAILED')
})
