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
  { name: 'migrate plan', summary: 'Show what pending migrations would do', load: async () => (await import('./migrate-plan.ts')).migratePlan },
  { name: 'migrate status', summary: 'List migrations with their state', load: async () => (await import('./migrate.ts')).migrateStatus },
  { name: 'promote', summary: 'Move the embedded database to PostgreSQL', load: async () => (await import('./promote.ts')).promote },
  { name: 'demote', summary: 'Copy the PostgreSQL database into an embedded one', load: async () => (await import('./demote.ts')).demote },
  { name: 'backup', summary: 'Write all data to a file', load: async () => (await import('./backup.ts')).backup },
  { name: 'restore', summary: 'Make a database from a backup', load: async () => (await import('./restore.ts')).restore },
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
  { name: 'connections list', summary: 'List the connections to identity providers', load: async () => (await import('./connections.ts')).connectionsList },
  { name: 'connections show', summary: 'Show a connection, and the addresses to register at its provider', load: async () => (await import('./connections.ts')).connectionsShow },
  { name: 'connections create', summary: 'Create a connection to an identity provider', load: async () => (await import('./connections.ts')).connectionsCreate },
  { name: 'connections update', summary: 'Change a connection', load: async () => (await import('./connections.ts')).connectionsUpdate },
  { name: 'connections enable', summary: 'Enable a connection', load: async () => (await import('./connections.ts')).connectionsEnable },
  { name: 'connections disable', summary: 'Disable a connection, and keep its settings', load: async () => (await import('./connections.ts')).connectionsDisable },
  { name: 'connections refresh-metadata', summary: 'Fetch the metadata of a SAML identity provider now', load: async () => (await import('./connections.ts')).connectionsRefreshMetadata },
  { name: 'connections approve-certificates', summary: 'Approve certificates of a SAML identity provider that wait', load: async () => (await import('./connections.ts')).connectionsApproveCertificates },
  { name: 'connections rotate-keys', summary: 'Renew the keys of this server for a SAML connection', load: async () => (await import('./connections.ts')).connectionsRotateKeys },
  { name: 'connections test', summary: 'Check a connection, and print where its test sign-in begins', load: async () => (await import('./connection-tests.ts')).connectionsTest },
  { name: 'connections delete', summary: 'Delete a connection', load: async () => (await import('./connections.ts')).connectionsDelete },
  { name: 'connections events', summary: 'List the last sign-ins by a connection, and why they failed', load: async () => (await import('./connections.ts')).connectionsEvents },
  { name: 'connections setup-link create', summary: 'Create a set-up link for the IT of an organization', load: async () => (await import('./setup-links.ts')).setupLinkCreate },
  { name: 'connections setup-link list', summary: 'List the open set-up links of an organization', load: async () => (await import('./setup-links.ts')).setupLinkList },
  { name: 'connections setup-link revoke', summary: 'Revoke a set-up link', load: async () => (await import('./setup-links.ts')).setupLinkRevoke },
  { name: 'clients list', summary: 'List the apps that sign users in here', load: async () => (await import('./clients.ts')).clientsList },
  { name: 'clients create', summary: 'Create an app', load: async () => (await import('./clients.ts')).clientsCreate },
  { name: 'clients show', summary: 'Show an app', load: async () => (await import('./clients.ts')).clientsShow },
  { name: 'clients update', summary: 'Change an app', load: async () => (await import('./clients.ts')).clientsUpdate },
  { name: 'clients enable', summary: 'Enable an app', load: async () => (await import('./clients.ts')).clientsEnable },
  { name: 'clients disable', summary: 'Disable an app, and keep its settings', load: async () => (await import('./clients.ts')).clientsDisable },
  { name: 'clients delete', summary: 'Delete an app with its secrets', load: async () => (await import('./clients.ts')).clientsDelete },
  { name: 'clients secret add', summary: 'Create a further secret of an app', load: async () => (await import('./clients.ts')).clientsSecretAdd },
  { name: 'clients secret remove', summary: 'Delete a secret of an app', load: async () => (await import('./clients.ts')).clientsSecretRemove },
  { name: 'tokens create', summary: 'Issue an access token for an account', load: async () => (await import('./tokens.ts')).tokensCreate },
  { name: 'tokens revoke', summary: 'Revoke a token, or all tokens of an account', load: async () => (await import('./tokens.ts')).tokensRevoke },
  { name: 'keys rotate', summary: 'Publish new signing keys', load: async () => (await import('./keys.ts')).keysRotate },
  { name: 'keys list', summary: 'List the signing keys and their stages', load: async () => (await import('./keys.ts')).keysList },
  { name: 'secrets rotate', summary: 'Seal everything again under a new LATCHKEY_SECRET', load: async () => (await import('./secrets.ts')).secretsRotate },
  { name: 'api-keys create', summary: 'Create an API key for an account', load: async () => (await import('./api-keys.ts')).apiKeysCreate },
  { name: 'api-keys list', summary: 'List the API keys of an account', load: async () => (await import('./api-keys.ts')).apiKeysList },
  { name: 'api-keys revoke', summary: 'Revoke an API key of an account', load: async () => (await import('./api-keys.ts')).apiKeysRevoke },
  { name: 'breaches build', summary: 'Build the local list of breached passwords', load: async () => (await import('./breaches.ts')).breachesBuild },
  { name: 'breaches info', summary: 'Show what a local list of breached passwords contains', load: async () => (await import('./breaches.ts')).breachesInfo },
  { name: 'seed', summary: 'Fill the database with sample users, organizations and an app', load: async () => (await import('./seed.ts')).seed },
  { name: 'doctor', summary: 'Check the environment of the server, with a remedy for each failure', load: async () => (await import('./doctor.ts')).doctor },
  { name: 'config check', summary: 'Validate the settings', load: async () => (await import('./config.ts')).configCheck },
  { name: 'config print', summary: 'Show every setting and its source, secrets masked', load: async () => (await import('./config.ts')).configPrint },
]

/** Internal commands that other commands run in a running server. */
export const INNER: readonly CommandEntry[] = [
  {
    name: 'backup snapshot',
    summary: 'Copy the files of the embedded database',
    load: async () => (await import('./backup.ts')).backupSnapshot,
  },
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
    name: 'import credentials',
    summary: 'Import a batch of passwords and connected accounts',
    load: async () => (await import('./users-import-steps.ts')).importCredentialsStep,
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
