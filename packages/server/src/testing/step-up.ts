/** A step-up: by the JSON API, and by the password as a browser without a script goes through its pages. */
import type { Client, Reply } from './client.ts'
import { PASSWORD } from './world.ts'

const HTML = { accept: 'text/html' }

export interface SentForm {
  action: string
  /** The hidden fields, the CSRF token included. */
  fields: Record<string, string>
}

const unescaped = (text: string): string =>
  text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => ENTITIES[name] ?? '')
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }

/** The first form of a page. @throws if it has none */
export function formIn(text: string): SentForm {
  const [form] = formsIn(text)
  if (!form) throw new Error(`a page without a form: ${mainOf(text).slice(0, 500)}`)
  return form
}

/** The forms of a page. */
export const formsIn = (text: string): SentForm[] =>
  [...mainOf(text).matchAll(/<form\b[^>]*\baction="([^"]*)"[^>]*>([\s\S]*?)<\/form>/g)].map(
    ([, action = '', content = '']) => {
      const inputs = [...content.matchAll(/<input type="hidden" name="([^"]*)"(?: value="([^"]*)")?/g)]
      const fields = inputs.map(([, name = '', value = '']) => [unescaped(name), unescaped(value)])
      return { action: unescaped(action), fields: Object.fromEntries(fields) }
    },
  )

const mainOf = (text: string): string => text.slice(text.indexOf('<main'))

/** Proves the password on the page of the step-up that waits. @returns the answer, which leads on */
export async function proveOnPage(client: Client, password = PASSWORD): Promise<Reply> {
  const page = await client.get('/step-up', { headers: HTML })
  const { action, fields } = formIn(page.text)
  return await client.post(action, { ...fields, password }, { form: true, headers: HTML })
}

/** Goes through the step-up that waits. @returns the form that it held, to be sent */
export async function stepUp(client: Client): Promise<SentForm> {
  const proven = await proveOnPage(client)
  const location = proven.headers.get('location')
  if (location !== '/step-up/continue') throw new Error(`${proven.status} ${location} ${proven.text}`)
  return formIn((await client.get(location, { headers: HTML })).text)
}

/** Proves by the JSON API what the account requires: by the password alone, or by each of the proofs. @returns the last answer */
export async function proveByApi(
  client: Client,
  ...proofs: readonly Readonly<Record<string, unknown>>[]
): Promise<Reply> {
  const begun = await client.post('/api/v1/auth/step-up', { max_age: 600, acr: 'aal2' })
  let reply = begun
  for (const proof of proofs.length > 0 ? proofs : [{ method: 'password', password: PASSWORD }])
    reply = await client.post('/api/v1/auth/mfa/verify', { attempt: begun.data.attempt, ...proof })
  client.csrfToken = reply.data?.session?.csrf_token ?? client.csrfToken
  return reply
}
