/** Signing in by a link or a code by e-mail, through the JSON API. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client, Reply } from '../../../testing/client.ts'
import { PASSWORD, type Person, startWorld, type World } from '../../../testing/world.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ lockoutFailures: 20 })
})
afterAll(() => world.stop())

const known = () => world.person({ signIn: false })
const requestLink = (client: Client, email: string, more: Record<string, unknown> = {}) =>
  client.post('/api/v1/auth/magic-link', { email, ...more })
const requestCode = (client: Client, email: string, more: Record<string, unknown> = {}) =>
  client.post('/api/v1/auth/email-code', { email, ...more })
const linkTo = (email: string) => world.mailbox.tokenFor(email, /\/sign-in\/link\?/)
const codeTo = async (email: string): Promise<string> => {
  const { text } = await world.mailbox.emailTo(email, /code/)
  return /^\d{6}$/m.exec(text)?.[0] ?? ''
}
const completeLink = (client: Client, token: string, more: Record<string, unknown> = {}) =>
  client.post('/api/v1/auth/magic-link/complete', { token, ...more })
const completeCode = (client: Client, attempt: unknown, code: string) =>
  client.post('/api/v1/auth/email-code/complete', { attempt, code })
const answerOf = ({ status, code }: Reply) => [status, code]
const detailsOf = ({ body }: Reply) => body.error?.details ?? {}
/** Another code than this one. */
const wrong = (code: string) => String((Number(code) + 1) % 1_000_000).padStart(6, '0')

/** A client that has asked for a code, and the code. */
async function askedForCode(person?: Person) {
  const { email, id } = person ?? (await known())
  const client = world.client()
  const { data } = await requestCode(client, email)
  return { client, email, id, attempt: String(data.attempt), code: await codeTo(email) }
}
async function askedForLink(more: Record<string, unknown> = {}) {
  const { email, id } = await known()
  const client = world.client()
  const { data } = await requestLink(client, email, more)
  return { client, email, id, attempt: String(data.attempt), token: await linkTo(email) }
}

describe('a link by e-mail', () => {
  it('signs in the browser that asked for it, once', async () => {
    const { client, email, id, token } = await askedForLink()
    const signedIn = await completeLink(client, token)
    expect(signedIn.status, signedIn.text).toBe(200)
    expect(signedIn.data.user.email).toBe(email)
    const session = await world.db.hot
      .selectFrom('sessions')
      .select(['amr', 'acr'])
      .where('id', '=', signedIn.data.session.id)
      .executeTakeFirst()
    expect(session).toEqual({ amr: ['email'], acr: 'aal1' })
    expect(await world.events(id)).toEqual(
      expect.arrayContaining(['auth.magic_link.requested', 'auth.login.success']),
    )
    expect(answerOf(await completeLink(world.client(), token))).toEqual([401, 'INVALID_TOKEN'])
  })

  it('signs in a client without cookies by the attempt of its request', async () => {
    const { attempt, token } = await askedForLink({ tokens: true })
    const app = world.client()
    expect(answerOf(await completeLink(app, token))).toEqual([409, 'CONFLICT'])
    const signedIn = await completeLink(app, token, { attempt })
    expect(signedIn.status, signedIn.text).toBe(200)
    expect(signedIn.data.access_token).toEqual(expect.any(String))
  })

  it('does not sign in a client that did not ask, also by the attempt of another request', async () => {
    const { token, client } = await askedForLink()
    const stranger = world.client()
    const { data } = await requestLink(stranger, 'stranger@example.com')
    for (const answer of [
      await completeLink(stranger, token),
      await completeLink(stranger, token, { attempt: data.attempt }),
    ])
      expect([answer.status, detailsOf(answer).reason]).toEqual([409, 'other_browser'])
    expect((await completeLink(client, token)).status).toBe(200)
  })

  it('works for 15 minutes, and a newer one replaces it', async () => {
    const { client, email, token } = await askedForLink()
    await world.clock.advance('2 minutes')
    await requestLink(client, email)
    const newer = await linkTo(email)
    expect(newer).not.toBe(token)
    expect(answerOf(await completeLink(client, token))).toEqual([401, 'INVALID_TOKEN'])
    await world.clock.advance('15 minutes')
    expect(answerOf(await completeLink(client, newer))).toEqual([401, 'TOKEN_EXPIRED'])
  })

  it('is accepted only as it was sent', async () => {
    const { client, token } = await askedForLink()
    const changed = [token.slice(0, -1), `${token}A`, token.toUpperCase(), ` ${token}`, `${token}.x`, 'x']
    for (const one of changed)
      expect(answerOf(await completeLink(client, one)), one).toEqual([401, 'INVALID_TOKEN'])
    expect((await completeLink(client, token)).status).toBe(200)
  })

  it('of another purpose is none', async () => {
    const { email } = await known()
    const client = world.client()
    await client.post('/api/v1/auth/password/forgot', { email })
    const token = await world.mailbox.tokenFor(email, /reset-password/)
    expect(answerOf(await completeLink(client, token))).toEqual([401, 'INVALID_TOKEN'])
  })

  it('is used by one of a hundred requests', async () => {
    const { client, id, token } = await askedForLink()
    const answers = await Promise.all(Array.from({ length: 100 }, () => completeLink(client, token)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 401]))
    const events = await world.events(id)
    expect(events.filter((type) => type === 'auth.login.success')).toHaveLength(1)
    expect(events).not.toContain('auth.login.failure')
  })

  it('ends with a reset of the password', async () => {
    const { client, email, token } = await askedForLink()
    await client.post('/api/v1/auth/password/forgot', { email })
    const reset = await world.mailbox.tokenFor(email, /reset-password/)
    const done = await client.post('/api/v1/auth/password/reset', {
      token: reset,
      password: 'another good long password',
    })
    expect(done.status).toBe(200)
    expect(answerOf(await completeLink(client, token))).toEqual([401, 'INVALID_TOKEN'])
  })
})

describe('a code by e-mail', () => {
  it('signs in the client that asked for it, once', async () => {
    const { client, email, id, attempt, code } = await askedForCode()
    expect(code).toMatch(/^\d{6}$/)
    const signedIn = await completeCode(client, attempt, `${code.slice(0, 3)} ${code.slice(3)}`)
    expect(signedIn.status, signedIn.text).toBe(200)
    expect(signedIn.data.user.email).toBe(email)
    expect(await world.events(id)).toContain('auth.email_code.requested')
    expect(answerOf(await completeCode(world.client(), attempt, code))).toEqual([404, 'NOT_FOUND'])
  })

  it('is of its attempt alone', async () => {
    const person = await known()
    const { code } = await askedForCode(person)
    const other = await requestCode(world.client(), person.email)
    const answer = await completeCode(world.client(), other.data.attempt, code)
    expect(answerOf(answer)).toEqual([401, 'AUTHENTICATION_FAILED'])
  })

  it('dies after five wrong guesses, which count as failed sign-ins', async () => {
    const { client, id, attempt, code } = await askedForCode()
    for (let n = 0; n < 5; n++) {
      const answer = await completeCode(client, attempt, wrong(code))
      expect(answerOf(answer)).toEqual([401, 'AUTHENTICATION_FAILED'])
      expect(detailsOf(answer)).toMatchObject({ attempts_remaining: 19 - n })
    }
    expect(answerOf(await completeCode(client, attempt, code))).toEqual([401, 'TOKEN_EXPIRED'])
    expect((await world.events(id)).filter((type) => type === 'auth.login.failure')).toHaveLength(5)
  })

  it('has five guesses in all, however often it is sent: a known address is answered as an unknown one', async () => {
    const asked = [
      await askedForCode(),
      { email: 'unknown.here@example.com', client: world.client() },
    ] as const
    const unknown = (await requestCode(asked[1].client, asked[1].email)).data.attempt
    const attempts = [asked[0].attempt, String(unknown)]
    const answers = await Promise.all(
      asked.map(async ({ client }, who) => {
        const seen: unknown[] = []
        const guess = async () => seen.push(answerOf(await completeCode(client, attempts[who], '000000')))
        for (let n = 0; n < 3; n++) await guess()
        return { seen, guess, client, attempt: attempts[who] }
      }),
    )
    await world.clock.advance('2 minutes')
    for (const { client, attempt, seen } of answers)
      seen.push((await client.post('/api/v1/auth/email-code', { attempt })).status)
    for (const { guess } of answers) for (let n = 0; n < 3; n++) await guess()
    await world.clock.advance('2 minutes')
    for (const { client, attempt, seen } of answers)
      seen.push(answerOf(await client.post('/api/v1/auth/email-code', { attempt })))
    expect(answers[0]?.seen).toEqual(answers[1]?.seen)
    expect(answers[0]?.seen.slice(4)).toEqual([
      [401, 'AUTHENTICATION_FAILED'],
      [401, 'AUTHENTICATION_FAILED'],
      [401, 'TOKEN_EXPIRED'],
      [409, 'CONFLICT'],
    ])
  })

  it('is compared with five of a hundred guesses at once', async () => {
    const { client, attempt, code } = await askedForCode()
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => completeCode(client, attempt, wrong(code))),
    )
    expect(answers.filter((answer) => answer.code === 'AUTHENTICATION_FAILED')).toHaveLength(5)
    expect(answers.filter((answer) => answer.code === 'TOKEN_EXPIRED')).toHaveLength(95)
  })

  it('is used by one of a hundred requests, and none counts as a failure', async () => {
    const { client, id, attempt, code } = await askedForCode()
    const answers = await Promise.all(Array.from({ length: 100 }, () => completeCode(client, attempt, code)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(await world.events(id)).not.toContain('auth.login.failure')
  })

  it('is sent again for its attempt, at most once a minute, and replaces the one before', async () => {
    const { client, email, attempt, code } = await askedForCode()
    const again = () => client.post('/api/v1/auth/email-code', { attempt })
    expect((await again()).status).toBe(202)
    expect(await codeTo(email)).toBe(code)
    await world.clock.advance('1 minute')
    expect((await again()).data).toMatchObject({ attempt })
    const newer = await codeTo(email)
    expect((await world.mailbox.emailsTo(email)).filter(({ subject }) => /code/.test(subject))).toHaveLength(
      2,
    )
    expect((await completeCode(client, attempt, newer)).status).toBe(200)
  })

  it('expires after ten minutes', async () => {
    const { client, attempt, code } = await askedForCode()
    await world.clock.advance('10 minutes')
    expect(answerOf(await completeCode(client, attempt, code))).toEqual([404, 'NOT_FOUND'])
  })

  it('has six digits; anything else is refused without a guess', async () => {
    const { client, attempt, code } = await askedForCode()
    for (const typed of ['12345', '1234567', 'abcdef', '', '１２３４５'])
      expect(answerOf(await completeCode(client, attempt, typed)), typed).toEqual([400, 'VALIDATION_ERROR'])
    expect((await completeCode(client, attempt, code)).status).toBe(200)
  })

  it('ends with a reset of the password and with a change of the address', async () => {
    const { client, email, attempt, code } = await askedForCode()
    await client.post('/api/v1/auth/password/forgot', { email })
    const token = await world.mailbox.tokenFor(email, /reset-password/)
    await client.post('/api/v1/auth/password/reset', { token, password: 'another good long password' })
    expect(answerOf(await completeCode(client, attempt, code))).toEqual([404, 'NOT_FOUND'])

    const person = await world.person()
    const asked = await askedForCode(person)
    const next = `moved.${person.id}@example.com`
    await person.client.post('/api/v1/users/me/email', { email: next, password: PASSWORD })
    const change = await world.mailbox.tokenFor(next, /email-change/)
    expect((await person.client.post('/api/v1/auth/email-change', { token: change })).status).toBe(200)
    expect(answerOf(await completeCode(asked.client, asked.attempt, asked.code))).not.toEqual([
      200,
      undefined,
    ])
  })

  it('is one e-mail for many requests at once, for one of their attempts', async () => {
    const { email } = await known()
    const asked = await Promise.all(Array.from({ length: 10 }, () => requestCode(world.client(), email)))
    const code = await codeTo(email)
    expect((await world.mailbox.emailsTo(email)).filter(({ subject }) => /code/.test(subject))).toHaveLength(
      1,
    )
    const answers = await Promise.all(
      asked.map(({ data }) => completeCode(world.client(), data.attempt, code)),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(401)])
  })

  it('sends five e-mails an hour to a user, for all requesters together', async () => {
    const { email } = await known()
    for (let n = 0; n < 7; n++) {
      await requestCode(world.client(), email)
      await world.clock.advance('2 minutes')
    }
    const sent = (await world.mailbox.emailsTo(email)).filter(({ subject }) => /code/.test(subject))
    expect(sent).toHaveLength(5)
  })
})

describe('a request for an e-mail', () => {
  it('is answered alike for every address, and written in the language of the recipient', async () => {
    const { email, client } = await world.person()
    await client.patch('/api/v1/users/me', { locale: 'de' })
    for (const request of [requestLink, requestCode]) {
      const [one, other] = [
        await request(world.client(), email),
        await request(world.client(), 'x@example.com'),
      ]
      expect([one.status, one.body.message]).toEqual([202, other.body.message])
      expect(Object.keys(one.data)).toEqual(Object.keys(other.data))
    }
    expect((await world.mailbox.emailTo(email)).subject).toContain('Ihr Code')
    expect(await world.mailbox.emailsTo('x@example.com')).toEqual([])
  })

  it('verifies no registration: its address gets the verification e-mail', async () => {
    const email = 'pending.here@example.com'
    const client = world.client()
    await client.post('/api/v1/auth/register', { email, password: 'chosen by a stranger' })
    await world.clock.advance('2 minutes')
    for (const request of [requestLink, requestCode]) {
      const asked = await request(client, email)
      expect(asked.status).toBe(202)
      await world.clock.advance('2 minutes')
    }
    const emails = await world.mailbox.emailsTo(email)
    expect(new Set(emails.map(({ subject }) => subject))).toEqual(
      new Set(['Verify your e-mail address for Latchkey']),
    )
  })

  it('takes either an address or an attempt', async () => {
    const { attempt, email } = await askedForCode()
    const client = world.client()
    for (const body of [{}, { email, attempt }])
      expect(answerOf(await client.post('/api/v1/auth/email-code', body))).toEqual([400, 'VALIDATION_ERROR'])
    const unknown = await client.post('/api/v1/auth/email-code', { attempt: `${attempt}x` })
    expect(answerOf(unknown)).toEqual([404, 'NOT_FOUND'])
  })
})
