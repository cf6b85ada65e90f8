/** The help: an overview of all commands, or the help of one. */
import type { Command, CommandEntry } from './command.ts'
import { paint, pairs } from './terminal.ts'

const COMMON: readonly (readonly [string, string])[] = [
  ['--json', 'Print one JSON document, for scripts'],
  ['-h, --help', 'Show the help of a command'],
]

export const overview = (entries: readonly CommandEntry[]): string =>
  [
    `${paint('bold', 'latchkey')} <command> [options]`,
    '',
    pairs(entries.map(({ name, summary }) => [name, summary])),
    '',
    pairs([...COMMON, ['-V, --version', 'Print the version']]),
    '',
    'Settings come from the environment and from `.env` in the working folder: docs/reference/configuration.md.',
    'Exit codes: 0 done, 1 failed, 2 wrong usage.',
  ].join('\n')

export function helpOf(command: Command): string {
  const options = Object.entries(command.options ?? {}).map(
    ([name, { value, about }]) => [value ? `--${name} ${value}` : `--${name}`, about] as const,
  )
  const words = [
    'latchkey',
    command.name,
    ...(command.positionals ?? []),
    ...(options.length > 0 ? ['[options]'] : []),
  ]
  const lines = [paint('bold', words.join(' ')), '', `${command.summary}.`]
  if (command.about) lines.push('', command.about)
  lines.push('', pairs([...options, ...COMMON]))
  if (command.examples?.length)
    lines.push('', 'Examples:', ...command.examples.map((example) => `  ${example}`))
  return lines.join('\n')
}
