/** Devices of tests: what an app on one requests, and how its user answers in a browser. */
import { formOf, type TestApp } from './apps.ts'
import type { Client, Json, Reply } from './client.ts'

export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
/** Settings of an app on a device. */
export const ON_DEVICES = { grant_types: [DEVICE_GRANT, 'refresh_token'], redirect_uris: [] }

/** Begins on a device. */
export async function beginOnDevice(app: TestApp, form: Record<string, string> = {}): Promise<Json> {
  const { status, body } = await app.post('/oidc/device_authorization', { scope: 'openid', ...form })
  if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
  return body
}

export const pollFrom = (app: TestApp, code: string, more: Record<string, string> = {}): Promise<Reply> =>
  app.post('/oidc/token', { grant_type: DEVICE_GRANT, device_code: code, ...more })

export const devicePage = (browser: Client, userCode: string): Promise<Reply> =>
  browser.get(`/oidc/device/question?${new URLSearchParams({ user_code: userCode })}`, {
    headers: { accept: 'text/html' },
  })

/** Opens the page and answers what it asks. */
export async function answerDevice(
  browser: Client,
  userCode: string,
  decision: 'allow' | 'deny' = 'allow',
): Promise<Reply> {
  const { text } = await devicePage(browser, userCode)
  const fields = { ...formOf(text, '/oidc/device/question'), user_code: userCode, decision }
  return browser.post('/oidc/device/question', fields, { form: true, headers: { accept: 'text/html' } })
}
