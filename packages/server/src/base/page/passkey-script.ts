/**
 * The script of passkeys: runs WebAuthn (navigator.credentials) for the forms that have `data-passkey`, puts the answer of
 * the authenticator into their field `credential`, and sends them. A file of its pages only. Such a form is hidden until the
 * script has found that the browser knows passkeys, so that everything works without.
 *
 * `data-passkey` is `create` or `get`. The options are in `data-options`, or fetched from the route `data-begin`. With
 * `data-autofill` the browser also offers passkeys in the fields of the page (conditional mediation), with a challenge that
 * is renewed before it expires.
 */
export const PASSKEY_SCRIPT = `
const { PublicKeyCredential: Passkey } = window
const all = (selector) => document.querySelectorAll(selector)
const bytesOf = (text) =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (byte) => byte.charCodeAt(0))
const textOf = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')

const parsed = ({ user, excludeCredentials, allowCredentials, ...options }) => {
  const known = (list) => list && list.map((each) => ({ ...each, id: bytesOf(each.id) }))
  return {
    ...options,
    challenge: bytesOf(options.challenge),
    user: user && { ...user, id: bytesOf(user.id) },
    excludeCredentials: known(excludeCredentials),
    allowCredentials: known(allowCredentials),
  }
}
const written = ({ id, type, response }) => {
  const names = ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle']
  const members = names.filter((name) => response[name]).map((name) => [name, textOf(response[name])])
  const transports = response.getTransports && response.getTransports()
  return JSON.stringify({ id, type, response: { ...Object.fromEntries(members), ...(transports && { transports }) } })
}

const optionsOf = async ({ dataset, elements }) => {
  if (dataset.options) return JSON.parse(dataset.options)
  const answer = await fetch(dataset.begin, {
    method: 'POST',
    headers: {
      accept: 'application/vnd.latchkey.standard+json',
      'content-type': 'application/json',
      'x-csrf-token': elements.csrf_token.value,
    },
    body: '{}',
  })
  if (!answer.ok) throw new Error(answer.status)
  return (await answer.json()).data.options
}

let running, renewal
const ceremony = async (form, mediation) => {
  clearTimeout(renewal)
  if (running) running.abort()
  const { signal } = (running = new AbortController())
  const publicKey = parsed(await optionsOf(form))
  signal.throwIfAborted()
  const credential = await navigator.credentials[form.dataset.passkey]({ publicKey, signal, ...(mediation && { mediation }) })
  form.elements.credential.value = written(credential)
  const { remember_me: remember } = form.elements
  if (remember) for (const box of all('[type=checkbox][name=remember_me]')) remember.value = box.checked
  form.submit()
}

const isOffering = ({ dataset }) => dataset.autofill !== undefined
const autofill = (form) => {
  ceremony(form, 'conditional').catch(() => {})
  renewal = setTimeout(() => autofill(form), 540000)
}

if (Passkey) for (const part of all('[data-without-passkeys]')) part.hidden = true
if (Passkey) for (const form of all('[data-passkey]')) {
  const failed = form.querySelector('[data-failed]')
  form.hidden = false
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    event.stopPropagation()
    failed.hidden = true
    try {
      await ceremony(form)
    } catch (error) {
      if (error.name === 'AbortError') return
      failed.textContent = failed.dataset[error.name === 'InvalidStateError' ? 'known' : 'failed']
      failed.hidden = false
      if (isOffering(form)) autofill(form)
    }
  })
  if (isOffering(form) && Passkey.isConditionalMediationAvailable)
    Passkey.isConditionalMediationAvailable().then((may) => may && autofill(form))
}

if (Passkey && Passkey.signalAllAcceptedCredentials) for (const list of all('[data-accepted]'))
  Passkey.signalAllAcceptedCredentials(JSON.parse(list.dataset.accepted)).catch(() => {})
`
  .trim()
  .replace(/^\s+/gm, '')
