import { call, signOut, whoAmI } from './session.js'

const element = (id) => document.getElementById(id)
for (const id of ['sign-in', 'sign-up']) element(id).href += `?return_to=${encodeURIComponent(location.href)}`

function show(isSignedIn, status = '') {
  element('visitor').hidden = isSignedIn
  element('member').hidden = !isSignedIn
  element('status').textContent = status
}

/** Shows the list that the app answers with, or that the session has ended. */
async function list(response) {
  if (response.status === 401) return show(false, 'Your session has ended.')
  if (!response.ok) return show(true, (await response.json()).message)
  const items = (await response.json()).map((text) => {
    const item = document.createElement('li')
    item.textContent = text
    return item
  })
  element('notes').replaceChildren(...items)
  show(true)
}

async function start() {
  const response = await whoAmI()
  if (response.status === 401) return show(false)
  const { user } = (await response.json()).data
  element('name').textContent = user.full_name ?? user.email
  await list(await call('GET', '/notes'))
}

/** A request that the browser does not send, or whose answer it withholds, has no status. */
const report = () => show(false, 'Latchkey cannot be reached, or does not list this origin.')

element('add').addEventListener('submit', (event) => {
  event.preventDefault()
  const form = event.target
  const body = JSON.stringify({ text: form.elements.text.value })
  call('POST', '/notes', body).then(list).catch(report)
  form.reset()
})
element('sign-out').addEventListener('click', () => {
  signOut()
    .then(() => show(false, 'You are signed out.'))
    .catch(report)
})
// the back button may show the page as it was
addEventListener('pageshow', (event) => event.persisted && start().catch(report))
start().catch(report)
