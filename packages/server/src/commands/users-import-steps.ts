/**
 * The steps of `users import` and `users export`, each on one batch: a file of any size is read or written by the
 * terminal's process, and its batches go through the control socket, whose messages are at most a megabyte long.
 */
import {
  beginExport,
  exportUsers,
  importCredentials,
  importUsers,
  listOwnerlessOrganizations,
} from '../features/accounts/import/index.ts'
import { type Args, type Command, done, stringOf } from './command.ts'

const payload = (args: Args): unknown => JSON.parse(stringOf(args, 'payload') ?? 'null')

/** Arguments that carry a value. */
export const withPayload = (value: unknown): Args => ({
  values: { payload: JSON.stringify(value) },
  positionals: [],
})

const step = (
  name: string,
  summary: string,
  run: (tools: Tools, args: Args) => Promise<unknown>,
): StepCommand => ({
  name,
  summary,
  on: 'tools',
  run: async (tools, args) => done(await run(tools, args), ''),
})
type StepCommand = Extract<Command, { on: 'tools' }>
type Tools = Parameters<StepCommand['run']>[0]

export const importUsersStep = step('import users', 'Import a batch of users', (tools, args) =>
  importUsers(tools, payload(args)),
)

export const importCredentialsStep = step(
  'import credentials',
  'Import a batch of passwords and connected accounts',
  (tools, args) => importCredentials(tools, payload(args)),
)

export const ownerlessStep = step('import ownerless', 'List organizations without an owner', (tools, args) =>
  listOwnerlessOrganizations(tools, payload(args) as string[]),
)

export const beginExportStep = step('export begin', 'Record that an export begins', async (tools, args) => {
  await beginExport(tools, payload(args) as { format: string; password_hashes: boolean })
  return null
})

export const exportPageStep = step('export page', 'Export a page of users', (tools, args) =>
  exportUsers(tools, payload(args) as { after: string; limit: number; hashes: boolean }),
)
