/** Passwords in the CLI: read from standard input, or made; never from the command line, which others can read. */
import { randomInt } from 'node:crypto'
import { type Terminal, UsageError } from './command.ts'

/** Without characters that are mistaken for another when read aloud or typed over. */
const LETTERS = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'
const GROUPS = 5
const GROUP = 4

/** 20 random characters in groups, about 115 bits; has every class of character a policy may ask for. */
export function makePassword(): string {
  for (;;) {
    const groups = Array.from({ length: GROUPS }, () =>
      Array.from({ length: GROUP }, () => LETTERS[randomInt(LETTERS.length)]).join(''),
    )
    const password = groups.join('-')
    if (/[a-z]/.test(password) && /[A-Z]/.test(password) && /\d/.test(password)) return password
  }
}

/** The password on standard input: its first line, or what a person types unseen. */
export async function askPassword(terminal: Terminal): Promise<string> {
  if (terminal.interactive) {
    const { isCancel, password } = await import('@clack/prompts')
    const typed = await password({ message: 'Password', output: process.stderr })
    if (isCancel(typed) || !typed) throw new UsageError('No password was given.')
    return typed
  }
  const line = (await terminal.readStdin()).split(/\r?\n/)[0] ?? ''
  if (line === '') throw new UsageError('--password-stdin was given, but standard input is empty.')
  return line
}
