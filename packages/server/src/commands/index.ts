/**
 * The commands of the CLI, in the order of its help. Each is imported when it is called: `--help` opens no database
 * and loads no HTTP server.
 */
import type { CommandEntry } from './command.ts'

// biome-ignore format: a table
export const COMMANDS: readonly CommandEntry[] = [
  { name: 'start', summary: 'Start the server', load: async () => (await import('./start.ts')).start },
  { name: 'migrate up', summary: 'Apply pending migrations', load: async () => (await import('./migrate.ts')).migrateUp },
  { name: 'migrate down', summary: 'Revert the last migration', load: async () => (await import('./migrate.ts')).migrateDown },
  { name: 'migrate status', summary: 'List migrations with their state', load: async () => (await import('./migrate.ts')).migrateStatus },
  { name: 'users create', summary: 'Create an account', load: async () => (await import('./users.ts')).usersCreate },
  { name: 'users list', summary: 'List accounts', load: async () => (await import('./users.ts')).usersList },
  { name: 'users import', summary: 'Import accounts from a file', load: async () => (await import('./users-import.ts')).usersImport },
  { name: 'users export', summary: 'Export all accounts to a file', load: async () => (await import('./users-export.ts')).usersExport },
  { name: 'users reset-password', summary: 'Give an account a new password', load: async () => (await import('./users.ts')).usersResetPassword },
  { name: 'users disable', summary: 'Disable an account and end its sessions', load: async () => (await import('./users.ts')).usersDisable },
  { name: 'users enable', summary: 'Enable a disabled account', load: async () => (await import('./users.ts')).usersEnable },
  { name: 'users set-role', summary: 'Replace the roles of an account', load: async () => (await import('./users.ts')).usersSetRole },
  { name: 'users delete', summary: 'Delete an account with all personal data', load: async () => (await import('./users.ts')).usersDelete },
  { name: 'users mfa reset', summary: 'Remove all second factors of an account', load: async () => (await import('./users.ts')).usersMfaReset },
  { name: 'users unlock', summary: 'Lift the lock of an account and clear failed sign-ins', load: async () => (await import('./users.ts')).usersUnlock },
  { name: 'organizations policy show', summary: 'Show the security policy of an organization', load: async () => (await import('./organizations.ts')).policyShow },
  { name: 'organizations policy set', summary: 'Change the security policy of an organization', load: async () => (await import('./organizations.ts')).policySet },
  { name: 'organizations compliance', summary: 'List which members comply with the security policy', load: async () => (await import('./organizations.ts')).organizationsCompliance },
  { name: 'tokens create', summary: 'Issue an access token for an account', load: async () => (await import('./tokens.ts')).tokensCreate },
  { name: 'tokens revoke', summary: 'Revoke a token, or all tokens of an account', load: async () => (await import('./tokens.ts')).tokensRevoke },
  { name: 'keys rotate', summary: 'Publish a new signing key', load: async () => (await import('./keys.ts')).keysRotate },
  { name: 'keys list', summary: 'List the signing keys and their stages', load: async () => (await import('./keys.ts')).keysList },
  { name: 'secrets rotate', summary: 'Seal everything again under a new LATCHKEY_SECRET', load: async () => (await import('./secrets.ts')).secretsRotate },
  { name: 'api-keys create', summary: 'Create an API key for an account', load: async () => (await import('./api-keys.ts')).apiKeysCreate },
  { name: 'api-keys list', summary: 'List the API keys of an account', load: async () => (await import('./api-keys.ts')).apiKeysList },
  { name: 'api-keys revoke', summary: 'Revoke an API key of an account', load: async () => (await import('./api-keys.ts')).apiKeysRevoke },
  { name: 'breaches build', summary: 'Build the local list of breached passwords', load: async () => (await import('./breaches.ts')).breachesBuild },
  { name: 'breaches info', summary: 'Show what a local list of breached passwords contains', load: async () => (await import('./breaches.ts')).breachesInfo },
  { name: 'seed', summary: 'Fill the database with sample users and organizations', load: async () => (await import('./seed.ts')).seed },
  { name: 'doctor', summary: 'Check the environment of the server, with a remedy for each failure', load: async () => (await import('./doctor.ts')).doctor },
  { name: 'config check', summary: 'Validate the settings', load: async () => (await import('./config.ts')).configCheck },
  { name: 'config print', summary: 'Show every setting and its source, secrets masked', load: async () => (await import('./config.ts')).configPrint },
]

/** Internal commands that other commands run in a running server. */
export const INNER: readonly CommandEntry[] = [
  {
    name: 'doctor database',
    summary: 'Examine the database',
    load: async () => (await import('./doctor-database.ts')).doctorDatabase,
  },
  {
    name: 'import users',
    summary: 'Import a batch of users',
    load: async () => (await import('./users-import-steps.ts')).importUsersStep,
  },
  {
    name: 'import passwords',
    summary: 'Import a batch of passwords',
    load: async () => (await import('./users-import-steps.ts')).importPasswordsStep,
  },
  {
    name: 'import ownerless',
    summary: 'List organizations without an owner',
    load: async () => (await import('./users-import-steps.ts')).ownerlessStep,
  },
  {
    name: 'export begin',
    summary: 'Record that an export begins',
    load: async () => (await import('./users-import-steps.ts')).beginExportStep,
  },
  {
    name: 'export page',
    summary: 'Export a page of users',
    load: async () => (await import('./users-import-steps.ts')).exportPageStep,
  },
]

/** The commands of a group, for `latchkey users --help`. */
export const groupOf = (word: string): readonly CommandEntry[] =>
  COMMANDS.filter((entry) => entry.name.startsWith(`${word} `))
