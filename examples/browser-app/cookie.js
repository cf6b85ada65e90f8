/**
 * The session of a page on the host of Latchkey: the browser sends the session cookie to both, and requests that change
 * something carry the CSRF token.
 */
async function csrfHeader() {
  const { data } = await (await fetch('/csrf')).json()
  return { 'x-csrf-token': data.csrf_token }
}

/** A request to the app. */
export async function call(method, path, body) {
  const csrf = method === 'GET' ? {} : await csrfHeader()
  return fetch(path, { method, body, headers: { 'content-type': 'application/json', ...csrf } })
}

export const whoAmI = () => fetch('/api/v1/auth/me')

export const signOut = async () =>
  fetch('/api/v1/auth/logout', { method: 'POST', headers: await csrfHeader() })
