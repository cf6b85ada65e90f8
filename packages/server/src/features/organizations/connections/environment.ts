/**
 * Connections of the environment: those of the common providers, and one to any issuer. A start writes them as server-wide
 * connections; one whose settings were removed is disabled and kept, so that identities stay linked. Invariant: while the
 * environment sets a connection, nothing else changes it.
 */
import { systemCall } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { newId } from '../../../base/ids.ts'
import { type Config, SETTINGS, type SettingName } from '../../../config.ts'
import { endProofs } from '../../../core/connection-ended.ts'
import { type ProviderConnection, secretOf, type UsableConnection } from '../../../core/connections/index.ts'
import { type ConnectionSettings, type ProviderId, providerOf } from '../../../core/providers/index.ts'
import { issuerIn } from '../../../core/providers/settings.ts'
import type { Tools } from '../../../core/tools.ts'
import { releaseKeptTokens } from '../../identity/identities/index.ts'
import { recordChange } from './owners.ts'
import { changesParty, differingSettings } from './settings.ts'
import {
  insertConnection,
  lockOfEnvironment,
  lockServerConnections,
  renamedFrom,
  storeConnection,
} from './sql.ts'

interface EnvironmentRow {
  provider: Extract<ProviderId, 'google' | 'microsoft' | 'github' | 'apple' | 'oidc'>
  /** Without it the environment does not set the connection. */
  by: SettingName
  clientId(config: Config): string | null
  secret(config: Config): string | null
  settings(config: Config): ConnectionSettings
}

/** The slug of each is the provider's id. */
const OF_ENVIRONMENT: readonly EnvironmentRow[] = [
  {
    provider: 'google',
    by: 'googleClientId',
    clientId: ({ googleClientId }) => googleClientId,
    secret: ({ googleClientSecret }) => googleClientSecret,
    settings: () => ({}),
  },
  {
    provider: 'microsoft',
    by: 'microsoftClientId',
    clientId: ({ microsoftClientId }) => microsoftClientId,
    secret: ({ microsoftClientSecret }) => microsoftClientSecret,
    settings: ({ microsoftTenant: tenant }) => ({ tenant }),
  },
  {
    provider: 'github',
    by: 'githubClientId',
    clientId: ({ githubClientId }) => githubClientId,
    secret: ({ githubClientSecret }) => githubClientSecret,
    settings: () => ({}),
  },
  {
    provider: 'apple',
    by: 'appleClientId',
    clientId: ({ appleClientId }) => appleClientId,
    secret: ({ applePrivateKey }) => applePrivateKey,
    settings: ({ appleTeamId, appleKeyId }) => ({
      ...(appleTeamId && { team_id: appleTeamId }),
      ...(appleKeyId && { key_id: appleKeyId }),
    }),
  },
  {
    provider: 'oidc',
    by: 'oidcIssuer',
    clientId: ({ oidcClientId }) => oidcClientId,
    secret: ({ oidcClientSecret }) => oidcClientSecret,
    settings: ({ oidcIssuer: issuer, oidcTrustsEmail }) => ({
      ...(issuer !== null && { issuer: issuerIn(issuer) }),
      ...(oidcTrustsEmail && { trusts_email: true }),
    }),
  },
]

/** The variable that sets the connection; null for one that the environment does not set now. */
export function managingSetting(
  config: Config,
  { origin, slug }: Pick<ProviderConnection, 'origin' | 'slug'>,
): string | null {
  if (origin !== 'environment') return null
  const row = OF_ENVIRONMENT.find(({ provider }) => provider === slug)
  return row && config[row.by] !== null ? SETTINGS[row.by].env : null
}

type EnvironmentTools = Pick<Tools, 'clock' | 'config' | 'db' | 'jobs' | 'keyring' | 'log'>

/** Writes the connections of the environment, once over nodes that start together. */
export async function writeEnvironmentConnections(tools: EnvironmentTools): Promise<void> {
  const { config, db } = tools
  const wanted = OF_ENVIRONMENT.filter(({ by }) => config[by] !== null)
  await db.tx('system', async (tx) => {
    await lockServerConnections(tx)
    const found = await lockOfEnvironment(
      tx,
      wanted.map(({ provider }) => provider),
    )
    for (const row of wanted)
      await writeOne(tools, tx, row, found.find(({ slug }) => slug === row.provider) ?? null)
    const removed = found.filter(
      (one) =>
        one.origin === 'environment' &&
        (one.status === 'active' || one.resumes) &&
        !wanted.some(({ provider }) => provider === one.slug),
    )
    for (const one of removed) await disable(tools, tx, one)
  })
}

async function writeOne(
  { clock, config, jobs, keyring, log }: EnvironmentTools,
  tx: Tx,
  row: EnvironmentRow,
  before: UsableConnection | null,
): Promise<void> {
  const call = systemCall(clock.now())
  const owner = { organizationId: null, userId: null }
  const { provider } = row
  const name = (provider === 'oidc' ? config.oidcName : null) ?? providerOf(provider).name
  const secret = row.secret(config)
  const settings = row.settings(config)
  const fields = {
    provider,
    name,
    status: 'active' as const,
    client_id: row.clientId(config),
    settings: JSON.stringify(settings),
    unreadable_since: null,
    origin: 'environment' as const,
    updated_at: call.now,
  }
  const sealed = () => (secret === null ? null : keyring.encrypt('connections', secret))
  if (before === null) {
    const id = newId('con')
    await insertConnection(tx, {
      ...fields,
      id,
      organization_id: null,
      slug: provider,
      client_secret: sealed(),
      made_by: null,
      tested_at: null,
      created_at: call.now,
    })
    await recordChange(tx, call, owner, 'connection.created', {
      id,
      slug: provider,
      provider,
      name,
      version: 1,
    })
    return
  }
  const isSameSecret = openedSecret(keyring, before) === secret
  const changed = [
    ...(before.name === name ? [] : ['name']),
    ...(before.clientId === fields.client_id ? [] : ['client_id']),
    ...(isSameSecret ? [] : ['client_secret']),
    ...differingSettings(before.settings, settings),
  ]
  const isTakenOver = before.origin !== 'environment'
  const isSame = before.status === 'active' && !isTakenOver && before.provider === provider
  if (changed.length === 0 && isSame) return
  if (isTakenOver)
    log.warn({ connection: before.id }, `the environment replaces the settings of the connection ${provider}`)
  const version = before.version + 1
  if (before.settings.keeps_tokens && !settings.keeps_tokens)
    await releaseKeptTokens.ofConnection({ clock, jobs }, tx, before)
  await storeConnection(tx, before.id, {
    ...fields,
    ...(isSameSecret ? {} : { client_secret: sealed() }),
    version,
    ...(changed.some((field) => field !== 'name') ? { tested_at: null } : isSame && renamedFrom(before)),
  })
  const isOtherParty = before.provider !== provider || changesParty(before.settings, settings)
  if (isOtherParty) await endProofs(jobs, tx, [{ ...before, version }], call.now)
  const after = { ...before, provider, name, version }
  const party = isOtherParty ? { other_party: true } : {}
  if (changed.length > 0 || isTakenOver)
    await recordChange(tx, call, owner, 'connection.updated', after, { changed, ...party })
  if (before.status !== 'active') await recordChange(tx, call, owner, 'connection.activated', after)
}

/** Null where it cannot be opened: it is then written again. */
function openedSecret(keyring: Tools['keyring'], connection: UsableConnection): string | null {
  const { sealedSecret } = connection
  return sealedSecret !== null && keyring.opens('connections', sealedSecret)
    ? secretOf(keyring, connection)
    : null
}

async function disable({ clock, jobs, log }: EnvironmentTools, tx: Tx, one: UsableConnection): Promise<void> {
  const call = systemCall(clock.now())
  const version = one.version + 1
  await storeConnection(tx, one.id, {
    status: 'disabled',
    unreadable_since: null,
    version,
    updated_at: call.now,
  })
  await endProofs(jobs, tx, [{ ...one, version }], call.now)
  log.warn(
    { connection: one.id },
    `the environment no longer sets the connection ${one.slug}: it is disabled`,
  )
  await recordChange(tx, call, { organizationId: null, userId: null }, 'connection.disabled', {
    ...one,
    version,
  })
}
