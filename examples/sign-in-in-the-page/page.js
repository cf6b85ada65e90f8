/**
 * A single-page app without a server: authorization code and PKCE (RFC 7636), tokens in memory alone. A reload signs in
 * again, without a question while the session at Latchkey lasts.
 */
const { issuer, clientId } = document.querySelector('meta[name=latchkey]').dataset
const redirectUri = `${location.origin}/`
const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '')
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)))

const metadata = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()
let tokens = null

async function signIn() {
  const pending = { verifier: random(), state: random() }
  sessionStorage.setItem('pending', JSON.stringify(pending))
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(pending.verifier))
  const query = {
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid profile email',
  }
  const proof = {
    state: pending.state,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: 'S256',
  }
  location.assign(`${metadata.authorization_endpoint}?${new URLSearchParams({ ...query, ...proof })}`)
}

/** A public client: it has no secret and names itself. */
async function requestTokens(grant) {
  const body = new URLSearchParams({ client_id: clientId, ...grant })
  const response = await fetch(metadata.token_endpoint, { method: 'POST', body })
  const answer = await response.json()
  if (!response.ok) throw new Error(answer.error_description ?? answer.error)
  tokens = { ...tokens, ...answer }
}

async function finishSignIn(answer) {
  const { verifier, state } = JSON.parse(sessionStorage.getItem('pending') ?? '{}')
  sessionStorage.removeItem('pending')
  history.replaceState(null, '', '/')
  // RFC 9207: the answer is of this server, and to the request of this tab
  if (answer.get('state') !== state || answer.get('iss') !== metadata.issuer)
    throw new Error('The answer is not for this page.')
  if (answer.has('error')) throw new Error(answer.get('error_description') ?? answer.get('error'))
  await requestTokens({
    grant_type: 'authorization_code',
    code: answer.get('code'),
    redirect_uri: redirectUri,
    code_verifier: verifier,
  })
  await show()
}

async function show(note = '') {
  const headers = { authorization: `Bearer ${tokens.access_token}` }
  const { name, email } = await (await fetch(metadata.userinfo_endpoint, { headers })).json()
  document.querySelector('#user').textContent = `Signed in as ${[name, email].filter(Boolean).join(', ')}`
  document.querySelector('[role=status]').textContent = note
  document.body.dataset.signedIn = ''
}

document.querySelector('#sign-in').onclick = signIn
document.querySelector('#refresh').onclick = async () => {
  await requestTokens({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token })
  await show('Refreshed')
}
document.querySelector('#sign-out').onclick = () => {
  const query = { id_token_hint: tokens.id_token, post_logout_redirect_uri: redirectUri }
  location.assign(`${metadata.end_session_endpoint}?${new URLSearchParams(query)}`)
}

const answer = new URLSearchParams(location.search)
if (answer.has('state')) {
  try {
    await finishSignIn(answer)
  } catch (error) {
    document.querySelector('[role=status]').textContent = error.message
  }
}
