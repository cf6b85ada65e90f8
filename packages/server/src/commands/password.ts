/** Passwords in the CLI: read from standard input, or generated; never an argument, which other users could read. */
import { randomInt } from 'node:crypto'
import { type Terminal, UsageError } from './command.ts'

/** Without characters that are easily confused. */
const LETTERS = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'
const GROUPS = 5
const GROUP = 4

/** 20 random characters in groups, about 115 bits, with every character class that a policy may require. */
export function generatePassword(): string {
  for (;;) {
    const groups = Array.from({ length: GROUPS }, () =>
      Array.from({ length: GROUP }, () => LETTERS[randomInt(LETTERS.length)]).join(''),
    )
    const password = groups.join('-')
    if (/[a-z]/.test(password) && /[A-Z]/.test(password) && /\d/.test(password)) return password
  }
}

/** Reads the password: the first line of standard input, or a prompt that does not echo. */
export async function readPassword(terminal: Terminal): Promise<string> {
  if (terminal.interactive) {
    const { isCancel, password } = await import('@clack/prompts')
    const typed = await password({ message: 'Password', output: process.stderr })
    if (isCancel(typed) || !typed) throw new UsageError('No password was entered.')
    return typed
  }
  const line = (await terminal.readStdin()).split(/\r?\n/)[0] ?? ''
  if (line === '') throw new UsageError('--password-stdin requires a password on standard input.')
  return line
}
