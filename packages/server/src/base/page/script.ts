/**
 * The script of the pages: convenience only. Everything works without it, and elements that need it are hidden until it
 * runs. A string, not a function, so that no build step rewrites it; it runs as an ES module, hence deferred.
 */
export const SCRIPT = String.raw`
const all = (selector) => document.querySelectorAll(selector)
const byId = (id) => document.getElementById(id)

for (const form of all('form[data-send]')) form.submit()
for (const link of all('a[data-follow]')) location.replace(link.href)

for (const button of all('[data-toggle]')) {
  const input = byId(button.dataset.toggle), { hide, hideLabel } = button.dataset
  const show = button.textContent, showLabel = button.ariaLabel
  const set = (visible) => {
    input.type = visible ? 'text' : 'password'
    button.textContent = visible ? hide : show
    button.setAttribute('aria-label', visible ? hideLabel : showLabel)
  }
  button.hidden = false
  button.onclick = () => set(input.type === 'password')
  input.form.addEventListener('submit', () => set(false))
}

const length = (text) => [...text.normalize('NFKC')].length
for (const status of all('[data-counts]')) {
  const input = byId(status.dataset.counts), minimum = Number(input.dataset.minimum)
  let timer
  input.addEventListener('input', () => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      const missing = minimum - length(input.value)
      status.hidden = !input.value
      status.textContent = missing > 0 ? status.dataset.more.replace('{missing}', missing) : status.dataset.enough
    }, 250)
  })
}

const rules = { letter: /\p{L}/u, upper: /\p{Lu}/u, lower: /\p{Ll}/u, digit: /\p{Nd}/u, special: /[^\p{L}\p{Nd}\s]/u }
const isMet = ({ rule, words, min, max }, text) => {
  if (rules[rule]) return rules[rule].test(text)
  const folded = text.normalize('NFKC').toLowerCase()
  if (words) return text !== '' && !words.split(' ').some((word) => folded.includes(word))
  return length(text) >= Number(min) && length(text) <= Number(max)
}
for (const list of all('[data-rules]')) {
  const input = byId(list.dataset.rules)
  input.addEventListener('input', () => {
    for (const item of list.children) item.classList.toggle('met', isMet(item.dataset, input.value))
  })
}

for (const field of all('[data-challenge]')) {
  const { form } = field, status = byId('challenge'), wait = byId('challenge-wait')
  const { challenge, difficulty } = field.dataset
  let isSent = false
  const hold = (event) => {
    event.preventDefault()
    event.stopPropagation()
    isSent = true
  }
  const worker = new Worker('SOLVER_PATH')
  worker.onmessage = ({ data }) => {
    worker.terminate()
    field.value = data
    form.removeEventListener('submit', hold)
    status.textContent = status.dataset[form.querySelector('[type=password]') ? 'again' : 'solved']
    if (isSent) form.requestSubmit()
  }
  worker.onerror = () => {
    form.removeEventListener('submit', hold)
    status.hidden = true
    wait.hidden = false
  }
  form.addEventListener('submit', hold)
  wait.hidden = true
  status.hidden = false
  worker.postMessage({ challenge, difficulty: Number(difficulty) })
}

const busy = new Set()
addEventListener('submit', (event) => {
  const form = event.target
  if (busy.has(form)) return event.preventDefault()
  busy.add(form)
  for (const button of form.querySelectorAll('[type=submit]')) button.setAttribute('aria-disabled', 'true')
  setTimeout(() => free(form), 8000)
})
const free = (form) => {
  busy.delete(form)
  for (const button of form.querySelectorAll('[aria-disabled]')) button.removeAttribute('aria-disabled')
}
addEventListener('pageshow', (event) => event.persisted && busy.forEach(free))

if (navigator.clipboard) for (const button of all('[data-copy]')) {
  const label = button.textContent
  button.hidden = false
  button.onclick = async () => {
    await navigator.clipboard.writeText(byId(button.dataset.copy).innerText)
    button.textContent = button.dataset.copied
    setTimeout(() => { button.textContent = label }, 2000)
  }
}

for (const button of all('[data-print]')) {
  button.hidden = false
  button.onclick = () => print()
}

const { lang } = document.documentElement
for (const time of all('time')) {
  const style = time.dataset.day === undefined ? { timeStyle: 'short' } : {}
  time.title = time.textContent
  time.textContent = new Date(time.dateTime).toLocaleString(lang === 'en' ? 'en-GB' : lang, { dateStyle: 'medium', ...style })
}
`
  .trim()
  .replace(/^\s+/gm, '')
