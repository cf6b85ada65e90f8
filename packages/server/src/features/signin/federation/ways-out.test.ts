/**
 * The pages of a question and of the sign-in that it leads to: they say what the sign-in is for, do not lead around in a circle,
 * and have a way for a user who came with the wrong account.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../../testing/client.ts'
import { type Federated, goal, HTML, startFederated } from '../../../testing/federation.ts'
import type { World } from '../../../testing/world.ts'

let federated: Federated
let world: World
beforeAll(async () => {
  federated = await startFederated()
  world = federated.world
  await federated.connect('google', { name: 'Google' })
  await federated.connect('gitlab', { name: 'GitLab' })
})
afterAll(() => federated?.stop())

const AT_GOOGLE = '/api/v1/auth/external/google/authorize'
const AT_GITLAB = '/api/v1/auth/external/gitlab/authorize'

async function asked(claims: object, browser = world.client()): Promise<{ browser: Client; path: string }> {
  federated.atGoogle({ email_verified: false, ...claims })
  const path = goal(await federated.signIn(browser, 'google', { return_to: '/account/sessions' })) ?? ''
  expect(path).toMatch(/^\/sign-in\/connect\?trip=/)
  return { browser, path }
}
async function textOf(browser: Client, path: string): Promise<string> {
  const { status, text } = await browser.get(path, HTML)
  expect([path, status]).toEqual([path, 200])
  return text.replaceAll('&amp;', '&')
}
/** Where the page of the question leads to sign in. */
async function signInLink(browser: Client, path: string): Promise<string> {
  const [, link = ''] = /href="(\/sign-in\?return_to=[^"]+)"/.exec(await textOf(browser, path)) ?? []
  return link
}

const LEAD = 'Sign in to your account here to connect it with Google.'

describe('the sign-in to connect an account', () => {
  it('says what it is for, leaves the provider out, and leads back, also after a wrong password', async () => {
    const { browser, path } = await asked({})
    const link = await signInLink(browser, path)
    for (const text of [
      await textOf(browser, link),
      (await federated.submit(browser, link, { identifier: 'ada@example.com', password: 'wrong' })).text,
    ]) {
      expect(text).toContain(LEAD)
      expect(text).not.toContain('Please sign in to continue.')
      expect(text).toContain(`href="${path}"`)
      expect(text).toContain(AT_GITLAB)
      expect(text).not.toContain(AT_GOOGLE)
    }
  })

  it('is an ordinary one in another browser, and once the identity does not wait any more', async () => {
    const { browser, path } = await asked({})
    const link = await signInLink(browser, path)
    const isOrdinary = async (client: Client) => {
      const text = await textOf(client, link)
      expect(text).not.toContain(LEAD)
      expect(text).toContain('Please sign in to continue.')
      expect(text).toContain(AT_GOOGLE)
    }
    await isOrdinary(world.client())
    await world.clock.advance('31 minutes')
    await isOrdinary(browser)
  })

  it('is ordinary where it leads elsewhere', async () => {
    const { browser } = await asked({})
    const text = await textOf(browser, '/sign-in?return_to=/account')
    expect(text).not.toContain(LEAD)
    expect(text).toContain(AT_GOOGLE)
  })

  it('is said in German', async () => {
    const { browser, path } = await asked({})
    const link = await signInLink(browser, path)
    const { text } = await browser.get(link, { headers: { ...HTML.headers, 'accept-language': 'de' } })
    expect(text).toContain('Melden Sie sich an Ihrem Konto hier an, um es mit Google zu verbinden.')
  })
})

describe('a question', () => {
  it.each([
    ['about the account of an address', { hd: 'example.com', email_verified: true }],
    ['about a new account', {}],
  ])(
    '%s leads to the choice of another account, which goes where the sign-in was going',
    async (_, claims) => {
      const owner = await world.person({ signIn: false })
      const { browser, path } = await asked({ email: owner.email, ...claims })
      const text = await textOf(browser, path)
      const [, other = ''] = /href="([^"]+prompt=select_account[^"]*)"/.exec(text) ?? []
      expect(text).toContain('Use another account at Google')
      const url = new URL(goal(await browser.get(other, HTML)) ?? '')
      expect(url.searchParams.get('prompt')).toBe('select_account')
      const right = federated.atGoogle()
      const answer = await federated.answer(browser, await federated.fakes.authorize(url.href))
      expect(goal(answer)).toBe('/account/sessions')
      expect((await federated.me(browser)).email).toBe(right.email)
    },
  )
})

describe('the choice of an account', () => {
  it('by JSON is a new sign-in at a provider that knows no other parameter', async () => {
    const begin = (query: string) =>
      world.client().get(`${AT_GITLAB}?${query}`, { headers: { accept: 'application/json' } })
    const { searchParams } = new URL((await begin('prompt=select_account')).data.authorization_url)
    expect([searchParams.get('prompt'), searchParams.get('max_age')]).toEqual(['login', '0'])
    expect((await begin('prompt=none')).code).toBe('VALIDATION_ERROR')
  })

  it('signs in also a user whose provider did not ask them', async () => {
    const { email } = federated.atGoogle()
    const browser = world.client()
    const query = { prompt: 'select_account' }
    expect(goal(await federated.signIn(browser, 'google', query))).toBe('/account')
    expect((await federated.me(browser)).email).toBe(email)
  })
})
