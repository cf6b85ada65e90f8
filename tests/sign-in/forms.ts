/** Signing in and out as a browser does: by the form, with its CSRF token. */
import type { Client, Reply } from '../../packages/server/src/testing/client.ts'

const HTML = { accept: 'text/html' }

/** The CSRF token for the cookies of the browser. */
export async function csrfTokenOf(browser: Client): Promise<string> {
  const { data } = await browser.get('/csrf', { headers: { accept: 'application/json' } })
  return String(data.csrf_token)
}

export async function postForm(
  browser: Client,
  path: string,
  fields: Readonly<Record<string, string>>,
): Promise<Reply> {
  const csrf_token = await csrfTokenOf(browser)
  return await browser.post(path, { ...fields, csrf_token }, { form: true, headers: HTML })
}

export const signInByForm = (browser: Client, identifier: string, password: string): Promise<Reply> =>
  postForm(browser, '/sign-in', { identifier, password })

export const signOutByForm = (browser: Client): Promise<Reply> => postForm(browser, '/sign-out', {})
