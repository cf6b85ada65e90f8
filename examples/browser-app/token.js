/**
 * The session of a page on another host than Latchkey, of the same site. Requests to Latchkey carry the session cookie;
 * requests to the app carry an access token, which the page gets for the session and keeps in memory.
 */
const latchkey = document.querySelector('meta[name=latchkey]').content

const send = (path, options) => fetch(latchkey + path, { credentials: 'include', ...options })

async function post(path) {
  const { data } = await (await send('/csrf')).json()
  return send(path, { method: 'POST', headers: { 'x-csrf-token': data.csrf_token } })
}

let token = { text: '', until: 0 }

async function renewToken() {
  const response = await post('/api/v1/auth/token')
  if (!response.ok) return response
  const { data } = await response.json()
  token = { text: data.access_token, until: Date.now() + (data.expires_in - 30) * 1000 }
}

/** A request to the app. A token that has expired or was revoked is replaced, once. */
export async function call(method, path, body) {
  const isNew = token.until < Date.now()
  const refusal = isNew ? await renewToken() : undefined
  if (refusal) return refusal
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token.text}` }
  const response = await fetch(path, { method, body, headers })
  if (response.status !== 401 || isNew) return response
  token.until = 0
  return call(method, path, body)
}

export const whoAmI = () => send('/api/v1/auth/me')

export function signOut() {
  token.until = 0
  return post('/api/v1/auth/logout')
}
