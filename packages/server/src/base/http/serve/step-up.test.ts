/** Pages that require a further proof: the step-up begins, and what was sent is handed over to it. */
import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { keyring } from '../../crypto.ts'
import { problem } from '../../errors.ts'
import { csrfToken } from '../request/csrf.ts'
import type { PageAnswer, Row } from '../row/route.ts'
import { page, serve, signedInAs } from '../testing.ts'
import type { StepUpAim } from './steps.ts'

const base = { quiet: 'a test', summary: 'Test', needs: 'session', input: z.object({}) } as const
const drawn = { page: { props: { children: 'a form' } }, title: 'A form' } as unknown as PageAnswer
const Item = z.object({ id: z.string() })
const enrol = problem('MFA_ENROLMENT_REQUIRED', { details: { attempt: 'sgn_1.x', methods: ['totp'] } })
let runs = 0

const rows: Row[] = [
  page({ ...base, fresh: '10m', name: 'item', method: 'GET', path: '/items/:id', input: Item, run: async () => drawn }),
  page({ ...base, fresh: '10m', name: 'item.renew', method: 'POST', path: '/items/:id/renew', formAt: '/items/:id', input: Item, run: async () => { runs += 1; return { redirect: '/done' } } }),
  page({ ...base, name: 'switch', method: 'POST', path: '/switch', formAt: '/items/:id', input: z.object({ to: z.string() }), run: () => Promise.reject(enrol), redisplay: async () => drawn }),
] // biome-ignore format: a table

const began: { code: string; user: string | undefined; aim: StepUpAim }[] = []
let isPossible = true
const server = await serve(rows, {
  stepUp: async (call, { code }, aim) => {
    began.push({ code, user: call.principal?.userId, aim })
    return isPossible ? { redirect: '/step-up', cookies: [{ name: 'step_up', value: 'sgn_1.secret' }] } : null
  },
})
beforeEach(() => {
  began.splice(0)
  runs = 0
  isPossible = true
})

const token = csrfToken(keyring('a secret for tests'), 'ses_late')
const send = (path: string, body: string, headers: Record<string, string> = {}) =>
  server.ask(path, {
    method: 'POST',
    headers: { ...signedInAs('late'), 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body,
  })
const form = (fields: Record<string, string>) => `${new URLSearchParams({ csrf_token: token, ...fields })}`

describe('a page that requires a recent proof', () => {
  it('leads to the step-up, and back to its own address', async () => {
    const { status, headers } = await server.ask('/items/7?a=%C3%A4', { headers: signedInAs('late') })
    expect([status, headers.get('location')]).toEqual([303, '/step-up'])
    expect(headers.getSetCookie().join()).toContain('lk_step_up=sgn_1.secret')
    const aim = { returnTo: '/items/7?a=%C3%A4', form: null, isLevel: false }
    expect(began).toEqual([{ code: 'STEP_UP_REQUIRED', user: 'usr_late', aim }])
  })

  it('is answered with the refusal where no step-up is possible', async () => {
    isPossible = false
    expect((await server.ask('/items/7', { headers: signedInAs('late') })).status).toBe(401)
    expect((await send('/items/7/renew', form({}))).status).toBe(401)
  })
})

describe('a form that requires a recent proof', () => {
  it('hands over its contents, without the token, the path parameters and secrets', async () => {
    const sent = {
      name: 'Ä ☃ "x"&<b>',
      note: 'one\r\ntwo',
      empty: '',
      password: 'hidden',
      client_secret: 's',
      id: '8',
    }
    expect((await send('/items/7/renew?x=1', form(sent))).status).toBe(303)
    const fields = { name: sent.name, note: sent.note, empty: '' }
    const held = { path: '/items/7/renew?x=1', fields, isPartial: true }
    expect(began).toEqual([
      {
        code: 'STEP_UP_REQUIRED',
        user: 'usr_late',
        aim: { returnTo: '/items/7', form: held, isLevel: false },
      },
    ])
    expect(runs).toBe(0)
  })

  it('is not kept without its token, with the token of another session, and from another site', async () => {
    const other = csrfToken(keyring('a secret for tests'), 'ses_ada')
    for (const body of ['a=1', form({ csrf_token: other }), `a=1&csrf_token=${'x'.repeat(66)}`])
      expect((await send('/items/7/renew', body)).status).toBe(403)
    const foreign = { origin: 'https://evil.example' }
    expect((await send('/items/7/renew', form({}), foreign)).status).toBe(403)
    expect(began).toEqual([])
  })

  it('is refused over the limit of a body, and where a name is sent twice', async () => {
    expect((await send('/items/7/renew', form({ a: 'x'.repeat(70_000) }))).status).toBe(413)
    expect((await send('/items/7/renew', `${form({ a: '1' })}&a=2`)).status).toBe(400)
    expect(began).toEqual([])
  })

  it('hands over none of what a JSON body nests', async () => {
    const body = JSON.stringify({ csrf_token: token, a: { b: '1' }, c: 'd' })
    await send('/items/7/renew', body, { 'content-type': 'application/json' })
    expect(began[0]?.aim.form?.fields).toEqual({ c: 'd' })
  })
})

describe('a form whose action requires a further proof', () => {
  it('hands over its contents, as where the row requires it', async () => {
    expect((await send('/switch', form({ to: 'org_1' }))).status).toBe(303)
    expect(began).toMatchObject([
      {
        code: 'MFA_ENROLMENT_REQUIRED',
        aim: { form: { path: '/switch', fields: { to: 'org_1' }, isPartial: false } },
      },
    ])
  })

  it('hands over nothing before its token was checked, and is displayed again where no step-up is possible', async () => {
    expect((await send('/switch', 'to=org_1')).status).toBe(403)
    expect(began).toEqual([])
    isPossible = false
    const { status, text } = await send('/switch', form({ to: 'org_1' }))
    expect([status, text.includes('a form')]).toEqual([403, true])
  })
})
