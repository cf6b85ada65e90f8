/** The hosted pages of authenticator apps: set up in the account, proven at a sign-in, set up in a sign-in. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codeOf, enrolAuthenticator } from '../../../testing/authenticator-app.ts'
import type { Client, Reply } from '../../../testing/client.ts'
import { formIn, proveOnPage, stepUp } from '../../../testing/step-up.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
let strict: World
beforeAll(async () => {
  world = await startWorld()
  strict = await startWorld({ mfa: 'required' })
})
afterAll(() => Promise.all([world.stop(), strict.stop()]))

const hidden = (text: string, name: string): string =>
  (new RegExp(`name="${name}" value="([^"]*)"`).exec(text)?.[1] ?? '').replaceAll('&amp;', '&')
const secretOf = (text: string): string =>
  (/<code id="secret">([A-Z2-7 ]+)<\/code>/.exec(text)?.[1] ?? '').replaceAll(' ', '')
const codesOf = (text: string): string[] =>
  [...text.matchAll(/<code>([A-Z2-7-]{19})<\/code>/g)].map(([, code = '']) => code)

/** Sends the form of a page, with the hidden fields that are named. */
async function send(
  client: Client,
  page: Reply,
  path: string,
  fields: Record<string, string> = {},
  names: readonly string[] = [],
): Promise<Reply> {
  client.csrfToken = null
  const taken = Object.fromEntries(names.map((name) => [name, hidden(page.text, name)]))
  const body = { csrf_token: hidden(page.text, 'csrf_token'), ...taken, ...fields }
  return await client.post(path, body, { form: true })
}
const LIST = '/account/security/totp'
const ENROL = '/second-factor/enrol?method=totp'

async function signInPage(
  of: World,
  person: Person,
  client = of.client(),
): Promise<{ client: Client; reply: Reply }> {
  const page = await client.get('/sign-in?return_to=/account/sessions')
  const fields = { identifier: person.email, password: PASSWORD }
  return { client, reply: await send(client, page, '/sign-in', fields, ['return_to']) }
}
const locationOf = (reply: Reply): string | null => reply.headers.get('location')

describe('the page of authenticator apps', () => {
  it('sets one up with a name, and shows backup codes once', async () => {
    const { client } = await world.person()
    const list = await client.get(LIST)
    expect(list.text).toContain('No authenticator app yet')
    const setup = await send(client, list, LIST, { name: 'Phone' })
    expect(setup.status).toBe(200)
    expect(setup.text).toContain('src="data:image/png;base64,')
    expect(setup.headers.get('cache-control')).toContain('no-store')
    const secret = secretOf(setup.text)
    const done = await send(client, setup, `${LIST}/confirm`, { code: codeOf(world, secret) }, ['setup'])
    expect([done.status, codesOf(done.text).length]).toEqual([200, 10])
    const after = await client.get(`${LIST}?done=enabled`)
    expect(after.text).toContain('The authenticator app is set up.')
    expect(after.text).toContain('Phone')
    for (const text of [secret, ...codesOf(done.text)]) expect(after.text).not.toContain(text)
    const { data } = await client.get('/api/v1/auth/mfa')
    expect(data).toMatchObject({ enabled: true, acr: 'aal2', backup_codes_remaining: 10 })
  })

  it('renames one, and says at the field what is wrong', async () => {
    const { client } = await world.person()
    const { factorId } = await enrolAuthenticator(world, client)
    const list = await client.get(LIST)
    const path = `${LIST}/${factorId}/rename`
    expect(list.text).toContain(`href="${path}"`)
    const form = await client.get(path)
    const wrong = await send(client, form, path, { name: 'x'.repeat(101) })
    expect([wrong.status, wrong.text]).toEqual([400, expect.stringContaining('aria-invalid')])
    const done = await send(client, wrong, path, { name: 'Work phone' })
    expect(locationOf(done)).toBe(`${LIST}?done=renamed`)
    const after = (await client.get(`${LIST}?done=renamed`)).text
    expect([after, after]).toEqual([
      expect.stringContaining('Authenticator app renamed.'),
      expect.stringContaining('Work phone'),
    ])
    expect((await client.get('/account/security?open=totp')).text).toContain('Work phone')
  })

  it('renames no authenticator of a neighbour, nor another kind of factor', async () => {
    const [ada, ben] = [await world.person(), await world.person()]
    const { factorId } = await enrolAuthenticator(world, ada.client)
    const { methods } = (await ada.client.get('/api/v1/auth/mfa')).data
    const codes = methods.find(({ kind }: { kind: string }) => kind === 'backup_codes').id
    expect((await ben.client.get(`${LIST}/${factorId}/rename`)).status).toBe(404)
    for (const [client, id] of [
      [ben.client, factorId],
      [ada.client, codes],
      [ada.client, 'fac_0'],
    ] as const)
      expect((await client.patch(`/api/v1/auth/mfa/${id}`, { name: 'Mine' })).code).toBe('NOT_FOUND')
  })

  it('shows the same secret again after a wrong code', async () => {
    const { client } = await world.person()
    const setup = await send(client, await client.get(LIST), LIST)
    const secret = secretOf(setup.text)
    const wrong = await send(client, setup, `${LIST}/confirm`, { code: '000000' }, ['setup'])
    expect([wrong.status, secretOf(wrong.text)]).toEqual([400, secret])
    expect(wrong.text).toContain('This is not the current code.')
    const done = await send(client, wrong, `${LIST}/confirm`, { code: codeOf(world, secret) }, ['setup'])
    expect(done.status).toBe(200)
  })

  it('adds one where its form is sent twice, also at once', async () => {
    const { client } = await world.person()
    const setup = await send(client, await client.get(LIST), LIST)
    const code = codeOf(world, secretOf(setup.text))
    const replies = await Promise.all(
      Array.from({ length: 8 }, () => send(client, setup, `${LIST}/confirm`, { code }, ['setup'])),
    )
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
    const { data } = await client.get('/api/v1/auth/mfa')
    expect(data.methods.filter(({ kind }: { kind: string }) => kind === 'totp')).toHaveLength(1)
    const again = await send(client, await client.get(LIST), `${LIST}/confirm`, {
      code,
      setup: hidden(setup.text, 'setup'),
    })
    expect([again.status, locationOf(again)]).toEqual([303, `${LIST}?done=enabled`])
  })

  it('takes no form of another user, one that was changed, or one of an hour ago', async () => {
    const [one, other] = [await world.person(), await world.person()]
    const setup = await send(one.client, await one.client.get(LIST), LIST)
    const secret = secretOf(setup.text)
    const sealed = hidden(setup.text, 'setup')
    const list = await other.client.get(LIST)
    for (const text of [sealed, `${sealed}x`, '', 'v1.x.y']) {
      const reply = await send(other.client, list, `${LIST}/confirm`, {
        code: codeOf(world, secret),
        setup: text,
      })
      expect([text, reply.status]).toEqual([text, 409])
    }
    expect((await other.client.get('/api/v1/auth/mfa')).data.enabled).toBe(false)
    for (let n = 0; n < 3; n++) {
      await world.clock.advance('20 minutes')
      await one.client.get(LIST)
    }
    await one.client.get('/step-up')
    await proveOnPage(one.client)
    const late = await send(one.client, await one.client.get(LIST), `${LIST}/confirm`, {
      code: codeOf(world, secret),
      setup: sealed,
    })
    expect(late.status).toBe(409)
  })

  it('confirms one soon after a proof of identity only: another session of twenty minutes becomes no stronger', async () => {
    const { client, id } = await world.person()
    const begun = await send(client, await client.get(LIST), LIST)
    const secret = secretOf(begun.text)
    await world.clock.advance('20 minutes')
    const list = await client.get(LIST)
    for (const fields of [
      { setup: 'x', code: '1'.repeat(65) },
      { setup: '', code: '' },
      { setup: hidden(begun.text, 'setup'), code: codeOf(world, secret) },
    ]) {
      const reply = await send(client, list, `${LIST}/confirm`, fields)
      expect([reply.status, locationOf(reply)]).toEqual([303, '/step-up'])
    }
    expect((await client.get('/api/v1/auth/mfa')).data).toMatchObject({ enabled: false, acr: 'aal1' })
    expect(await world.events(id)).not.toContain('auth.mfa.enabled')
    // after the step-up the form is sent as it was, and its code is an earlier one by then
    await world.clock.advance('2 minutes')
    const held = await stepUp(client)
    expect(held).toMatchObject({ action: `${LIST}/confirm`, fields: { setup: hidden(begun.text, 'setup') } })
    const again = await client.post(held.action, held.fields, { form: true })
    expect([again.status, secretOf(again.text)]).toEqual([400, secret])
    const { action, fields } = formIn(again.text)
    const done = await client.post(action, { ...fields, code: codeOf(world, secret) }, { form: true })
    expect([done.status, codesOf(done.text).length]).toEqual([200, 10])
  })

  it('makes no secret where a form without one is displayed again', async () => {
    const { client } = await world.person()
    const list = await client.get(LIST)
    for (const fields of [
      { setup: 'x', code: '1'.repeat(65) },
      { setup: 'x'.repeat(2001), code: '123456' },
      { code: '' },
      {},
    ]) {
      const reply = await send(client, list, `${LIST}/confirm`, fields)
      expect([reply.status, secretOf(reply.text), hidden(reply.text, 'setup')]).toEqual([400, '', ''])
      expect(reply.text).toContain('There is no authenticator app that waits for its first code.')
    }
  })

  it('removes one, and says so where it is gone already', async () => {
    const { client } = await world.person()
    const app = await enrolAuthenticator(world, client)
    const list = await client.get(LIST)
    // the backup codes end with the last one
    for (const notice of ['removed_last', 'removed']) {
      const reply = await send(client, list, `${LIST}/${app.factorId}/remove`)
      expect([reply.status, locationOf(reply)]).toEqual([303, `${LIST}?done=${notice}`])
    }
    expect((await client.get('/api/v1/auth/mfa')).data.enabled).toBe(false)
  })

  it('says how many are possible', async () => {
    const { client } = await world.person()
    for (let n = 0; n < 5; n++) await enrolAuthenticator(world, client)
    const list = await client.get(LIST)
    expect(list.text).toContain('You have 5 authenticator apps, the most that are possible.')
    expect(list.text).not.toContain(`action="${LIST}"`)
    expect((await send(client, list, LIST)).text).not.toContain('data:image/png')
  })
})

describe('the page of a second factor', () => {
  it('continues the sign-in to where it was going', async () => {
    const person = await world.person()
    const app = await enrolAuthenticator(world, person.client)
    const { client, reply } = await signInPage(world, person)
    expect([reply.status, locationOf(reply)]).toEqual([303, '/second-factor'])
    expect(client.cookies.has('lk_session')).toBe(false)
    const page = await client.get('/second-factor')
    expect(page.text).toContain('autocomplete="one-time-code"')
    const names = ['attempt', 'method', 'return_to']
    const wrong = await send(client, page, '/second-factor', { code: '000000' }, names)
    expect([wrong.status, wrong.text.includes('This code is not right')]).toEqual([401, true])
    const done = await send(client, wrong, '/second-factor', { code: await app.next() }, names)
    expect([done.status, locationOf(done)]).toEqual([303, '/account/sessions'])
    expect((await client.get('/account')).status).toBe(200)
  })

  it('takes a backup code as another way', async () => {
    const person = await world.person()
    const app = await enrolAuthenticator(world, person.client)
    const { client } = await signInPage(world, person)
    const page = await client.get('/second-factor')
    expect(page.text).toContain('href="/second-factor?method=backup_code"')
    const other = await client.get('/second-factor?method=backup_code')
    expect(hidden(other.text, 'method')).toBe('backup_code')
    const [code = ''] = app.backupCodes
    const done = await send(client, other, '/second-factor', { code }, ['attempt', 'method'])
    expect([done.status, locationOf(done)]).toEqual([303, '/account/sessions'])
  })

  it('is in German where the browser is', async () => {
    const person = await world.person()
    await enrolAuthenticator(world, person.client)
    const german = world.client({ headers: { 'accept-language': 'de' } })
    const { client } = await signInPage(world, person, german)
    const page = await client.get('/second-factor')
    expect(page.text).toContain('Geben Sie die sechs Ziffern ein')
  })
})

describe('a sign-in that requires a second factor', () => {
  const required = async () => {
    const [person] = (await strict.people([{ signIn: false }])) as [Person]
    return person
  }

  it('stops at the page that sets one up, and continues with backup codes', async () => {
    const person = await required()
    const { client, reply } = await signInPage(strict, person)
    expect([reply.status, locationOf(reply)]).toEqual([303, '/second-factor/enrol'])
    const page = await client.get('/second-factor/enrol?method=totp')
    expect(page.text).toContain('src="data:image/png;base64,')
    const names = ['attempt', 'method', 'return_to', 'setup']
    const wrong = await send(client, page, '/second-factor/enrol', { code: '000000' }, names)
    expect([wrong.status, secretOf(wrong.text)]).toEqual([400, secretOf(page.text)])
    const code = codeOf(strict, secretOf(wrong.text))
    const done = await send(client, wrong, '/second-factor/enrol', { code }, names)
    expect([done.status, codesOf(done.text).length]).toEqual([200, 10])
    expect(done.text).toContain('href="/account/sessions"')
    expect((await client.get('/account')).status).toBe(200)
    expect((await client.get('/api/v1/auth/mfa')).data).toMatchObject({ required: true, acr: 'aal2' })
    expect((await signInPage(strict, person)).reply.headers.get('location')).toBe('/second-factor')
  })

  it('shows another secret each time, and stores none of them', async () => {
    const { client } = await signInPage(strict, await required())
    const [one, two] = [await client.get(ENROL), await client.get(ENROL)]
    expect(secretOf(one.text)).not.toBe(secretOf(two.text))
    const stored = await strict.db.tx('system', (tx) =>
      tx.selectFrom('factors').select('id').where('confirmed_at', 'is', null).execute(),
    )
    expect(stored).toEqual([])
  })

  it('is completed by JSON too', async () => {
    const person = await required()
    const client = strict.client()
    const login = { username: person.email, password: PASSWORD }
    const stopped = await client.post('/api/v1/auth/login', login)
    expect([stopped.status, stopped.code]).toEqual([403, 'MFA_ENROLMENT_REQUIRED'])
    const { attempt, methods } = stopped.body.error.details
    expect(methods).toContain('totp')
    const at = `/api/v1/auth/attempts/${attempt}/mfa`
    const begun = await client.post(`${at}/enable`, { method: 'totp' })
    expect([begun.status, begun.data.backup_codes.length]).toEqual([200, 10])
    expect((await client.post(`${at}/confirm`, { code: '000000' })).status).toBe(400)
    const code = codeOf(strict, begun.data.secret)
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => client.post(`${at}/confirm`, { code })),
    )
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
    expect((await client.get('/api/v1/auth/me')).status).toBe(200)
    expect(await strict.events(person.id)).toEqual(
      expect.arrayContaining(['auth.mfa.enabled', 'auth.login.success']),
    )
  })

  it('is not completed by the attempt of another step', async () => {
    const person = await world.person()
    await enrolAuthenticator(world, person.client)
    const login = { username: person.email, password: PASSWORD }
    const { body } = await world.client().post('/api/v1/auth/login', login)
    const at = `/api/v1/auth/attempts/${body.error.details.attempt}/mfa`
    expect((await world.client().post(`${at}/enable`, { method: 'totp' })).status).toBe(409)
    expect((await world.client().post(`${at}/confirm`, { code: '000000' })).status).toBe(409)
    const unknown = '/api/v1/auth/attempts/sgn_x.y/mfa/enable'
    expect((await world.client().post(unknown, { method: 'totp' })).status).toBe(404)
  })
})
