/** `connections test`: checks a connection without a browser, and prints where its test sign-in begins. */
import { checkConnectionByOperator } from '../features/signin/connection-tests/index.ts'
import { type Command, type CommandOutcome, stringOf } from './command.ts'
import { ORGANIZATION } from './connections.ts'
import { pairs, plain } from './terminal.ts'

const NAMES = {
  settings: 'Settings',
  discovery: 'Discovery document and keys',
  metadata: 'Metadata',
  certificates: 'Certificates of the provider',
} as const

export const connectionsTest: Command = {
  name: 'connections test',
  summary: 'Check a connection, and print where its test sign-in begins',
  about:
    'Checks what this server can without a browser: that nothing is missing, that the discovery document and the keys, or the metadata, can be read, and that a certificate is in use. A required sign-in by a connection needs a test sign-in as well, which an owner of the organization makes in a browser at the address that is printed. Changes nothing.',
  positionals: ['<id|slug>'],
  options: ORGANIZATION,
  examples: ['latchkey connections test con_0198c0de5a7b7e11b4c2d3e4f5a6b7c8 --organization acme'],
  on: 'tools',
  async run(tools, args): Promise<CommandOutcome> {
    const [name = ''] = args.positionals
    const report = await checkConnectionByOperator(tools, stringOf(args, 'organization'), name)
    const { connection, checks, test_url: url } = report
    const rows = checks.map(({ check, reason }): [string, string] => [NAMES[check], reason ?? 'good'])
    const next =
      url === null
        ? `The test sign-in begins with POST /api/v1/connections/${connection.id}/test, by an administrator.`
        : `The test sign-in begins, for an owner of the organization, at ${url}`
    return {
      exit: checks.every(({ reason }) => reason === null) ? 0 : 1,
      json: report,
      text: `${plain(connection.name)} (${connection.slug})\n${pairs(rows.map(([key, text]) => [key, plain(text)]))}\n${next}`,
    }
  },
}
