/** The place to return to after e-mail verification: followed, and encrypted in the e-mail. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { PASSWORD, startWorld, type World } from '../../../testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.stop())

const PLACE = '/account?note=CALL-555-0100-YOU-HAVE-WON'
const csrfOf = (text: string) => /name="csrf_token" value="([^"]+)"/.exec(text)?.[1] ?? ''

async function signUp(email: string, return_to: string) {
  const client = world.client()
  const csrf_token = csrfOf((await client.get('/sign-up')).text)
  const fields = { csrf_token, email, password: PASSWORD, password_confirm: PASSWORD, return_to }
  expect((await client.post('/sign-up', fields, { form: true })).status).toBeLessThan(400)
  const letter = await world.mailbox.emailTo(email, /Verify/)
  const link = new URL(letter.links.find((url) => url.includes('/verify-email')) ?? '')
  return { client, letter, link }
}

it('shows no text in an e-mail that the registration chose, and returns to that place all the same', async () => {
  const { client, letter, link } = await signUp('victim@example.com', PLACE)
  for (const part of [letter.subject, letter.text, letter.html])
    expect(part).not.toMatch(/CALL|555|return_to|\/account/)
  const page = await client.get(link.pathname + link.search)
  expect(page.text).toContain(`name="return_to" value="${PLACE}"`)
  const token = link.searchParams.get('token') ?? ''
  const verified = await client.post(
    '/verify-email',
    { csrf_token: csrfOf(page.text), token, return_to: PLACE },
    { form: true },
  )
  expect(verified.text).toContain(`/sign-in?return_to=${encodeURIComponent(PLACE)}`)
})

it('ignores a place to return to that was written into the link by hand', async () => {
  const { client, link } = await signUp('curious@example.com', PLACE)
  const sealed = link.searchParams.get('continue') ?? ''
  for (const place of [
    '/account',
    'https://evil.example/',
    `${sealed.slice(0, -2)}AA`,
    'v1..',
    'v1.AAAA.AAAA',
  ]) {
    link.searchParams.set('continue', place)
    const { status, text } = await client.get(link.pathname + link.search)
    expect(status).toBe(200)
    expect(text).not.toContain('name="return_to"')
  }
})

it('encrypts no place where none was given, or none that is followed', async () => {
  for (const [n, place] of ['', 'https://evil.example/x', '//evil.example'].entries()) {
    const { link } = await signUp(`plain${n}@example.com`, place)
    expect([...link.searchParams.keys()]).toEqual(['token'])
  }
})
