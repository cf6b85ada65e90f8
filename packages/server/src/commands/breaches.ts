/** `breaches …`: the local list of breached passwords. Format and build are base/outbound's; this is input and output. */
import { resolve } from 'node:path'
import { systemClock } from '../base/clock.ts'
import { BreachFileFault, type BreachFileInfo, openBreachFile } from '../base/outbound/breach-file.ts'
import { BreachListFault, buildBreachFile } from '../base/outbound/breach-file-build.ts'
import { readConfig } from '../config.ts'
import { type Command, done, Failure, stringOf, UsageError } from './command.ts'
import { moment } from './terminal.ts'

export const breachesBuild: Command = {
  name: 'breaches build',
  summary: 'Build the local list of breached passwords',
  about:
    'Reads the list "Pwned Passwords" (SHA-1, ordered by hash) of https://haveibeenpwned.com/Passwords, as text or compressed with gzip, and writes the file for LATCHKEY_BREACH_FILE: about 3.5 bytes for each password. A file that exists is replaced when the new one is complete; a running server uses it from the next new password on.',
  options: {
    from: { type: 'string', value: '<file>', about: 'The list' },
    to: { type: 'string', value: '<file>', about: 'The file to write' },
    'at-least': {
      type: 'string',
      value: '<n>',
      about: 'Leave out passwords that occur less often; 1 by default',
    },
  },
  examples: [
    'latchkey breaches build --from pwned-passwords-sha1-ordered-by-hash.txt.gz --to breaches.lkb',
    'latchkey breaches build --from pwned.txt --at-least 10 --to breaches.lkb',
  ],
  on: 'machine',
  async run(args) {
    const [from, to] = [stringOf(args, 'from'), stringOf(args, 'to')]
    if (from === null || to === null) throw new UsageError(`--${from === null ? 'from' : 'to'} is missing.`)
    if (resolve(from) === resolve(to)) throw new UsageError('--from and --to name the same file.')
    const atLeast = stringOf(args, 'at-least') ?? '1'
    if (!/^[1-9]\d{0,8}$/.test(atLeast))
      throw new UsageError('--at-least takes a whole number from 1 to 999999999.')
    const build = { from, to, atLeast: Number(atLeast), now: systemClock().now() }
    const info = await reported(from, () => buildBreachFile(build))
    return done(
      { file: to, ...viewOf(info) },
      `${to}: ${breachFileText(info)}.\nSet LATCHKEY_BREACH_FILE to its path.`,
    )
  },
}

export const breachesInfo: Command = {
  name: 'breaches info',
  summary: 'Show what a local list of breached passwords contains',
  about: 'Without a file: the one of LATCHKEY_BREACH_FILE.',
  positionals: ['[file]'],
  options: { verify: { type: 'boolean', about: 'Read the whole file, and report damage' } },
  examples: ['latchkey breaches info', 'latchkey breaches info breaches.lkb --verify'],
  on: 'machine',
  async run(args) {
    const path = args.positionals[0] ?? readConfig(undefined, { secret: 'look' }).values.breachFile ?? null
    if (path === null) throw new UsageError('Name the file, or set LATCHKEY_BREACH_FILE.')
    const file = openBreachFile(path)
    const isVerified = args.values.verify === true
    const info = await reported(path, () => (isVerified ? file.verify() : file.info()))
    const verified = isVerified ? ' Every block is intact.' : ''
    return done(
      { file: path, ...viewOf(info), verified: isVerified },
      `${path}: ${breachFileText(info)}.${verified}`,
    )
  },
}

const BLOCKS = 65_536

/** What a file contains, in a few words. */
export function breachFileText({ hashes, atLeast, builtAt, blocks }: BreachFileInfo): string {
  const count = `${hashes.toLocaleString('en')} ${hashes === 1 ? 'password' : 'passwords'}`
  const least = atLeast > 1 ? ` that occur at least ${atLeast} times` : ''
  const missing = blocks < BLOCKS ? `, from ${blocks.toLocaleString('en')} of 65,536 ranges` : ''
  return `${count}${least}${missing}, built ${moment(builtAt)}`
}

const viewOf = ({ hashes, atLeast, builtAt, bytes, blocks }: BreachFileInfo) => ({
  hashes,
  at_least: atLeast,
  built_at: builtAt.toISOString(),
  bytes,
  ranges: blocks,
})

async function reported<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof BreachListFault) throw new Failure(`${path}: ${error.message}`, 'LIST_INVALID')
    if (error instanceof BreachFileFault)
      throw new Failure(`${path} ${error.message}.`, 'BREACH_FILE_INVALID')
    const { code, message } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    throw new Failure(code === 'ENOSPC' ? 'The disk is full.' : `${message}.`, 'FILE_FAILED')
  }
}
