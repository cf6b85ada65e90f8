/**
 * The `console` blocks of a markdown page as a session of a shell: lines after `$` are commands, the lines below one
 * are what it prints. A printed answer is compared field by field: `…` is anything (a value, further members, the
 * rest of a text); ids, times and tokens are compared by their form.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'

export interface Step {
  command: string
  /** What is printed below the command; empty if nothing is. */
  printed: string
}

/** The steps of all `console` blocks, in order; with `heading`, those of one section. */
export function stepsOf(markdown: string, heading?: string): Step[] {
  const blocks = [...sectionOf(markdown, heading).matchAll(/^```console\n([\s\S]*?)^```$/gm)]
  return blocks.flatMap(([, block = '']) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((text) => {
        const lines = text.trimEnd().split('\n')
        const last = lines.findIndex((line) => !line.endsWith('\\'))
        const [command, printed] = [lines.slice(0, last + 1), lines.slice(last + 1)]
        return { command: command.join('\n'), printed: printed.join('\n').trim() }
      }),
  )
}

/** The blocks of a language, such as `sql`, in order; with `heading`, those of one section. */
export const blocksOf = (markdown: string, language: string, heading?: string): string[] =>
  [
    ...sectionOf(markdown, heading).matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm')),
  ].map(([, block = '']) => block)

function sectionOf(markdown: string, heading: string | undefined): string {
  if (heading === undefined) return markdown
  const section = markdown.split(/^(?=## )/m).find((text) => text.startsWith(`## ${heading}\n`))
  if (section === undefined) throw new Error(`there is no section "${heading}"`)
  return section
}

/** One bash, which keeps its variables and its folder from command to command. */
export class Shell {
  readonly #bash: ChildProcessWithoutNullStreams
  #output = ''
  #errors = ''
  #counter = 0

  constructor(cwd: string, env: Record<string, string> = {}) {
    this.#bash = spawn('bash', ['--noprofile', '--norc'], {
      cwd,
      env: { PATH: process.env.PATH ?? '', HOME: cwd, ...env },
    })
    this.#bash.stdout.on('data', (chunk) => {
      this.#output += chunk
    })
    this.#bash.stderr.on('data', (chunk) => {
      this.#errors += chunk
    })
  }

  /** @returns standard output. @throws if the command fails, or prints nothing for a minute */
  async run(command: string): Promise<string> {
    const mark = `--- end ${++this.#counter} ---`
    this.#output = this.#errors = ''
    this.#bash.stdin.write(`${command}\nprintf '\\n%s %s\\n' '${mark}' "$?"\n`)
    for (let tries = 0; tries < 6000; tries++) {
      const end = this.#output.indexOf(`\n${mark} `)
      const line = end < 0 ? '' : this.#output.slice(end + mark.length + 2)
      if (line.endsWith('\n')) {
        if (line !== '0\n') throw new Error(`${command}\nfailed with ${line}${this.#errors}${this.#output}`)
        return this.#output.slice(0, end)
      }
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    throw new Error(`no end of: ${command}\n${this.#errors}${this.#output}`)
  }

  async close(): Promise<void> {
    const ended = once(this.#bash, 'exit')
    this.#bash.stdin.end()
    await ended
  }
}

/** @returns in what an output differs from the printed one: a line a difference, with its path; empty if in nothing */
export function differences(printed: string, output: string): string[] {
  if (/^[{[]/.test(printed)) {
    const pattern = new PrintedJson(printed).read()
    const text = output.trim()
    try {
      return compare(pattern, JSON.parse(text), '')
    } catch (error) {
      return [`${(error as Error).message}: ${text}`]
    }
  }
  const expected = new RegExp(`^${wildcards(printed.replaceAll(MINUTE, '…'))}$`)
  return expected.test(output.trim()) ? [] : [`printed: ${printed}\nis:      ${output.trim()}`]
}

type Printed =
  | { kind: 'any' }
  | { kind: 'value'; value: unknown }
  | { kind: 'object'; members: [string, Printed][]; isOpen: boolean }
  | { kind: 'array'; items: Printed[]; isOpen: boolean }

/** JSON in which `…` may be written in place of a value, of further members, and of further items. */
class PrintedJson {
  readonly #tokens: string[]

  constructor(text: string) {
    this.#tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:…]|[\w.+-]+/g) ?? []
  }

  read(): Printed {
    const printed = this.#value()
    if (this.#tokens.length > 0) throw new Error(`after the end of the JSON: ${this.#tokens.join(' ')}`)
    return printed
  }

  #value(): Printed {
    const token = this.#tokens.shift()
    if (token === '…') return { kind: 'any' }
    if (token === '{') {
      const members: [string, Printed][] = []
      const isOpen = this.#list('}', (name) => {
        if (this.#tokens.shift() !== ':') throw new Error(`a colon is missing after ${name}`)
        members.push([JSON.parse(name), this.#value()])
      })
      return { kind: 'object', members, isOpen }
    }
    if (token === '[') {
      const items: Printed[] = []
      const isOpen = this.#list(']', (first) => {
        this.#tokens.unshift(first)
        items.push(this.#value())
      })
      return { kind: 'array', items, isOpen }
    }
    return { kind: 'value', value: JSON.parse(token ?? '') }
  }

  /** Reads to the end of an object or array. @returns whether `…` is in it */
  #list(end: string, each: (first: string) => void): boolean {
    let isOpen = false
    for (;;) {
      const token = this.#tokens.shift()
      if (token === undefined) throw new Error(`${end} is missing`)
      if (token === end) return isOpen
      if (token === '…') isOpen = true
      else if (token !== ',') each(token)
    }
  }
}

function compare(printed: Printed, actual: unknown, path: string): string[] {
  if (printed.kind === 'any') return []
  if (printed.kind === 'value') {
    const { value } = printed
    const isSame =
      typeof value === 'string' && typeof actual === 'string' ? hasForm(value, actual) : value === actual
    return isSame ? [] : [`${path}: printed ${JSON.stringify(value)}, is ${JSON.stringify(actual)}`]
  }
  if (printed.kind === 'array') {
    if (!Array.isArray(actual)) return [`${path}: printed as an array, is ${JSON.stringify(actual)}`]
    const isLength = printed.isOpen || actual.length === printed.items.length
    return [
      ...(isLength ? [] : [`${path}: printed with ${printed.items.length} items, has ${actual.length}`]),
      ...printed.items.flatMap((item, at) => compare(item, actual[at], `${path}[${at}]`)),
    ]
  }
  if (typeof actual !== 'object' || actual === null)
    return [`${path}: printed as an object, is ${JSON.stringify(actual)}`]
  const names = printed.members.map(([name]) => name)
  const more = Object.keys(actual).filter((name) => !names.includes(name))
  return [
    ...(printed.isOpen || more.length === 0 ? [] : [`${path}: not printed: ${more.join(', ')}`]),
    ...printed.members.flatMap(([name, member]) =>
      name in actual
        ? compare(member, (actual as Record<string, unknown>)[name], `${path}.${name}`)
        : [`${path}.${name}: printed, is missing`],
    ),
  ]
}

const ID = /^[a-z]{3}_[0-9a-f]{32}$/

/** What is different in every run: ids, times, CSRF tokens, session tokens. */
const FORMS: readonly RegExp[] = [
  ID,
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
  /^[\w-]{22}\.[\w-]{43}$/,
  /^st_[\w-]{43}$/,
]

function hasForm(printed: string, actual: string): boolean {
  if (printed === actual) return true
  if (printed.includes('…')) return new RegExp(`^${wildcards(printed)}$`, 's').test(actual)
  const form = FORMS.find((one) => one.test(printed))
  return form?.test(actual) === true && (form !== ID || printed.slice(0, 3) === actual.slice(0, 3))
}

/** A time in the text of a command. */
const MINUTE = /\d{4}-\d\d-\d\d \d\d:\d\d UTC/g

const wildcards = (text: string): string =>
  text
    .split('…')
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('[\\s\\S]*')
