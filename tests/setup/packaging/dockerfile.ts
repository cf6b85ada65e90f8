/** The Dockerfile as data, and the files of its context: what an engine reads, without an engine. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface Instruction {
  name: string
  /** Without continuation lines, and with the values of build arguments. */
  text: string
}

/** The stages in their order, each from its FROM on. Build arguments have their defaults, or what is given. */
export function readStages(path: string, given: Readonly<Record<string, string>> = {}): Instruction[][] {
  const values: Record<string, string> = {}
  const stages: Instruction[][] = []
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replaceAll(/\\\n\s*/g, ' ')
  for (const line of lines.split('\n').filter((one) => one.trim() !== '')) {
    const [, name = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
    const text = rest.replaceAll(/\$\{(\w+)\}/g, (_, variable: string) => values[variable] ?? '')
    if (name === 'ARG') {
      const [variable = '', fallback = ''] = text.split('=')
      values[variable] = given[variable] ?? fallback
    } else if (name === 'FROM') stages.push([{ name, text }])
    else stages.at(-1)?.push({ name, text })
  }
  return stages
}

export const textsOf = (stage: readonly Instruction[], name: string): string[] =>
  stage.filter((one) => one.name === name).map(({ text }) => text)

/** `a=b c="d e"`, as in ENV and LABEL. */
export const pairsIn = (text: string): Record<string, string> =>
  Object.fromEntries(
    [...text.matchAll(/([\w.]+)=(?:"([^"]*)"|(\S+))/g)].map(([, name = '', quoted, plain]) => [
      name,
      quoted ?? plain ?? '',
    ]),
  )

/** The files of a checkout that `.dockerignore` leaves in the context; the last pattern that matches decides. */
export function contextOf(root: string): string[] {
  const rules = readFileSync(join(root, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const isKept = line.startsWith('!')
      const pattern = (isKept ? line.slice(1) : line)
        .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
        .replaceAll(/\*\*\/|\*/g, (star) => (star === '*' ? '[^/]*' : '(?:.*/)?'))
      return { isKept, pattern: new RegExp(`^${pattern}(/|$)`) }
    })
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], {
    cwd: root,
    encoding: 'utf8',
  })
  return files
    .split('\0')
    .filter((path) => path !== '' && (rules.findLast(({ pattern }) => pattern.test(path))?.isKept ?? true))
}

export function copyContext(root: string, to: string): void {
  for (const path of contextOf(root)) {
    mkdirSync(dirname(join(to, path)), { recursive: true })
    cpSync(join(root, path), join(to, path))
  }
}
