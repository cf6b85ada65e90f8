/**
 * The composition root: opens the tools, lists every feature once, and starts and stops them. No other file knows all
 * of the server.
 */

import type { Database } from './base/db/database.ts'
import { assertIsolation, migrateUp, openDatabase } from './base/db/index.ts'
import { StartRefused } from './base/errors.ts'
import type { Eventual } from './base/eventual.ts'
import { challengeRows, createHttp, csrfRows, type Ending } from './base/http/index.ts'
import type { Authenticator, Credential, Verdict } from './base/http/request/authenticate.ts'
import type { Row } from './base/http/row/route.ts'
import { batchedEntries, createLog, isForPeople, type Log } from './base/log/index.ts'
import { createPages } from './base/page/index.ts'
import { offeredKinds } from './base/relying-party.ts'
import type { Config } from './config.ts'
import { auditJobs } from './core/audit/index.ts'
import { findStoredDemands, unmeetableText } from './core/demands.ts'
import { clockRow } from './core/dev-clock.ts'
import { findProvable } from './core/factors/index.ts'
import type { CredentialChecks, Feature } from './core/feature.ts'
import { limitJobs } from './core/limits/index.ts'
import { linkJobs } from './core/links/index.ts'
import { outboxRows } from './core/mail/outbox.tsx'
import { metricsRow } from './core/metrics/rows.ts'
import { openTools, type ToolOptions } from './core/open-tools.ts'
import { assertSecret } from './core/secrets/index.ts'
import type { Tools } from './core/tools.ts'
import { apiKeyFeature } from './features/access/api-keys/index.ts'
import { denials, roleFeature } from './features/access/roles/index.ts'
import { tokenFeature } from './features/access/tokens/index.ts'
import { addressFeature, emailSection } from './features/accounts/address/index.ts'
import { administrationFeature } from './features/accounts/administration/index.ts'
import { auditLogFeature } from './features/accounts/audit-log/index.ts'
import { connectedFeature, connectedSection } from './features/accounts/connected/index.ts'
import { ownAccountFeature } from './features/accounts/own/index.ts'
import {
  ensureAdministrator,
  printSetupLink,
  registerExternally,
  registrationFeature,
} from './features/accounts/registration/index.ts'
import { userKeyFeature } from './features/accounts/user-keys/index.ts'
import { emailFeature } from './features/identity/emails/index.ts'
import { sessionFeature } from './features/identity/sessions/index.ts'
import { appAt, applicationSection, formTargetsOf, providerFeatures } from './features/oidc/provider/index.ts'
import { connectionFeature, prepareConnections } from './features/organizations/connections/index.ts'
import { domainFeature, ownDomains } from './features/organizations/domains/index.ts'
import { invitationFeature } from './features/organizations/invitations/index.ts'
import { memberFeature } from './features/organizations/members/index.ts'
import { organizationChecks } from './features/organizations/membership/index.ts'
import { myOrganizationFeature } from './features/organizations/mine/index.ts'
import { organizationFeature } from './features/organizations/organization/index.ts'
import { policyFeature, policyRefusals } from './features/organizations/policy/index.ts'
import { organizationRoleFeature } from './features/organizations/roles/index.ts'
import { setupLinkFeature } from './features/organizations/setup-links/index.ts'
import { ssoFeature } from './features/organizations/sso/index.ts'
import { compatFeature } from './features/protocols/compat/index.ts'
import { forwardAuthFeature } from './features/protocols/forward-auth/index.ts'
import {
  backupCodeFeature,
  backupCodesSection,
  continuingBackupCode,
} from './features/signin/backup-codes/index.ts'
import { connectionSetupFeature } from './features/signin/connection-setup/index.ts'
import { connectionTestFeature } from './features/signin/connection-tests/index.ts'
import { deviceFeature, devicesSection } from './features/signin/devices/index.ts'
import {
  continuingFederation,
  type Federation,
  federationFeature,
  samlProtocol,
  upstreamProtocol,
} from './features/signin/federation/index.ts'
import { signInFormFeature } from './features/signin/form/index.ts'
import { guessFeature } from './features/signin/guesses/index.ts'
import {
  continuingEmailCode,
  emailFactorSection,
  mailCodeFeature,
} from './features/signin/mail-codes/index.ts'
import { mfaFeature } from './features/signin/mfa/index.ts'
import { noticeFeature } from './features/signin/notices/index.ts'
import { continuingPasskey, passkeyFeature, passkeySection } from './features/signin/passkeys/index.ts'
import {
  continuingPassword,
  passwordFeature,
  passwordSection,
  resetLinks,
} from './features/signin/passwords/index.ts'
import { listForeseen, proveMailbox } from './features/signin/planted/index.ts'
import { redirectVerified, responseFeature } from './features/signin/responses/index.ts'
import { routingFeature } from './features/signin/routing/index.ts'
import { samlFeature } from './features/signin/saml/index.ts'
import { beginDemandedEnrolment, secondFactorFeature } from './features/signin/second-factor/index.ts'
import { recoverySection, securityFeature } from './features/signin/security/index.ts'
import { stepUpBeginner, stepUpFeature } from './features/signin/step-up/index.ts'
import { attemptFeature } from './features/signin/steps/index.ts'
import { continuingTotp, totpFeature, totpSection } from './features/signin/totp/index.ts'

export interface App {
  tools: Tools
  /** The route table, for the reference, the docs and the tests over it. */
  rows: readonly Row[]
  /** Listens and starts the jobs. @returns where it listens */
  start(): Promise<{ url: string }>
  /** The one-time link for the first administrator; null where there is one. Each call replaces the link before. */
  setupLink(): Promise<string | null>
  /** Runs everything that is due by the clock, and resolves when it is done. */
  settle(): Promise<void>
  /** Lets requests under way end, then closes everything. Idempotent. */
  stop(ending?: Ending): Promise<void>
}

export interface AppOptions extends ToolOptions {
  log?: Log
  /** An opened database instead of the configured one, for tests. */
  database?: Database
}

export async function createApp(options: AppOptions): Promise<App> {
  const { config } = options
  const log = options.log ?? createLog({ level: config.logLevel, pretty: isForPeople(config) })
  const database = options.database ?? (await openConfigured(config, log))
  try {
    await migrateUp(database, { log })
    await refuseWithoutIsolation(database, config, log)
    const opened = await openTools(options, log, database)
    await assertSecret(opened.tools)
    const { changes, keys, revocations, roles } = opened.tools
    await warnOfUnmeetable(opened.tools)
    // independent of each other; all settle before the database is closed after a failure
    await allOf([changes.open(), keys.open(), revocations.open(), roles.open()])
    return assemble(opened, database)
  } catch (error) {
    await database.close()
    throw error
  }
}

/** Only reported: the demands were made while the server offered a factor, and other users can sign in. */
async function warnOfUnmeetable({ config, db, log }: Tools): Promise<void> {
  if (offeredKinds(config).length > 0) return
  const text = unmeetableText(config, await db.tx('system', findStoredDemands))
  if (text) log.warn({}, text)
}

/** As Promise.all, but a failure is reported only when nothing runs any more. */
async function allOf(running: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(running)
  await Promise.all(running)
}

const openConfigured = (config: Config, log: Log): Promise<Database> =>
  openDatabase({
    databaseUrl: config.databaseUrl,
    dataDir: config.dataDir,
    pool: config.databasePool,
    silence: config.databaseTimeout,
    guardNesting: config.profile !== 'production',
    log,
  })

async function refuseWithoutIsolation(database: Database, config: Config, log: Log): Promise<void> {
  const { loginRoleBypasses } = await assertIsolation(database)
  if (!loginRoleBypasses) return
  const advice = 'Connect as a role that is no superuser and has no BYPASSRLS.'
  if (config.profile === 'production')
    throw new StartRefused(`The database role bypasses row-level security. ${advice}`)
  log.warn({}, `the database role bypasses row-level security: production will refuse it. ${advice}`)
}

/** Every feature, once. A new capability is one line here. */
function listFeatures(tools: Tools, settle: () => Promise<void>): Feature[] {
  const { profile } = tools.config
  const sessions = sessionFeature(tools)
  const tokens = tokenFeature(tools, sessions.checks)
  const keys = apiKeyFeature(tools, organizationChecks(tools, refusals(tools)).assertActsIn)
  const federation = federationOf(tools)
  const continuing = [
    continuingPasskey(tools),
    continuingTotp(tools),
    continuingBackupCode(tools),
    continuingEmailCode(tools),
    continuingPassword(tools),
    continuingFederation(tools),
  ]
  const features: Feature[] = [
    { name: 'audit', jobs: auditJobs(tools) },
    { name: 'links', jobs: linkJobs(tools) },
    { name: 'limits', jobs: limitJobs(tools) },
    emailFeature(tools, {
      after: (call, userId) => redirectVerified(tools, call, userId),
      prove: proving(tools),
      foresee: (call, user) => listForeseen(tools.db.hot, call, user),
    }),
    sessions,
    roleFeature(tools),
    tokens,
    keys,
    organizationFeature(tools),
    organizationRoleFeature(tools),
    memberFeature(tools),
    invitationFeature(tools),
    myOrganizationFeature(tools, refusals(tools)),
    policyFeature(tools),
    domainFeature(tools),
    ssoFeature(tools),
    connectionFeature(tools),
    setupLinkFeature(tools),
    guessFeature(tools),
    noticeFeature(tools),
    samlFeature(tools),
    attemptFeature(tools),
    passwordFeature(tools),
    responseFeature(tools),
    signInFormFeature(tools),
    passkeyFeature(tools),
    mailCodeFeature(tools),
    totpFeature(tools),
    backupCodeFeature(tools),
    federationFeature(tools, federation),
    connectionTestFeature(tools, federation),
    routingFeature(tools),
    connectionSetupFeature(tools, federation),
    mfaFeature(tools),
    secondFactorFeature(tools, continuing),
    stepUpFeature(tools, continuing),
    deviceFeature(tools),
    securityFeature(tools, [
      passwordSection(tools),
      passkeySection(tools),
      totpSection(tools),
      backupCodesSection(tools),
      emailFactorSection(tools),
      ...(tools.config.rememberedDevice > 0 ? [devicesSection(tools)] : []),
      connectedSection(tools),
      applicationSection(tools),
      emailSection(tools),
      recoverySection(tools),
    ]),
    registrationFeature(tools),
    addressFeature(tools),
    ownAccountFeature(tools),
    administrationFeature(tools, sessions.checks),
    userKeyFeature(tools, keys.checks),
    connectedFeature(tools),
    auditLogFeature(tools),
    forwardAuthFeature(tools),
    compatFeature(tools, { sessions: sessions.checks, tokens: tokens.checks }),
    ...providerFeatures(tools, organizationChecks(tools, refusals(tools)).lookup, keys.checks),
    { name: 'csrf', rows: csrfRows(tools.keyring) },
    { name: 'metrics', rows: [metricsRow(tools)] },
    ...(profile === 'production' ? [] : [{ name: 'outbox', rows: outboxRows(tools, tools.jobs.settleNew) }]),
    ...(profile === 'testing' ? [{ name: 'clock', rows: [clockRow(tools, settle)] }] : []),
  ]
  const rows = features.flatMap((feature) => feature.rows ?? [])
  return [...features, { name: 'challenge', rows: challengeRows(tools, rows) }]
}

/** Verifies the address of a user who has proven the mailbox, and ends what was planted, the password included. */
const proving =
  (tools: Tools): Parameters<typeof emailFeature>[1]['prove'] =>
  (tx, call, user, keepsIdentities) => {
    const endPassword = () => resetLinks.removePassword(tools, tx, user, call.now)
    return proveMailbox(tools, tx, call, user, { endPassword, keepsIdentities })
  }

/** What federation needs of the modules of other wings. */
const federationOf = (tools: Tools): Federation => ({
  protocols: {
    oidc: upstreamProtocol(tools),
    oauth2: upstreamProtocol(tools),
    saml: samlProtocol(tools),
  },
  accounts: {
    register: (tx, call, person) => registerExternally(tools, tx, call, person),
    proveMailbox: (tx, call, user) => proving(tools)(tx, call, user, false),
  },
  ownDomains: (connection) => ownDomains(tools.db.hot, connection),
})

/** How a caller is refused who does not meet an organization's policy: with an attempt of `signin` that mends it. */
const refusals = (tools: Tools) =>
  policyRefusals(tools, (call, demand) => beginDemandedEnrolment(tools, call, demand))

/** Checks a credential by the feature of its kind, once roles are current. */
function authenticator({ roles }: Tools, features: readonly Feature[]): Authenticator {
  const checks = Object.assign({}, ...features.map(({ credential }) => credential)) as CredentialChecks
  const check = (credential: Credential, now: Date): Eventual<Verdict> => {
    if (credential.kind === 'session') return checks.session(credential, now)
    if (credential.kind === 'access_token') return checks.access_token(credential, now)
    return checks.api_key(credential, now)
  }
  return {
    check(credential, now) {
      const waiting = roles.fresh()
      return waiting ? waiting.then(() => check(credential, now)) : check(credential, now)
    },
  }
}

function assemble({ tools, close }: Awaited<ReturnType<typeof openTools>>, database: Database): App {
  const { config, jobs, db, log } = tools
  const flushAll = async () => {
    for (const feature of features) await feature.flush?.()
  }
  const settle = async () => {
    await flushAll()
    await jobs.settle()
  }
  const features = listFeatures(tools, settle)
  const rows = features.flatMap((feature) => feature.rows ?? [])
  for (const feature of features) jobs.add(feature.jobs ?? [])
  const pages = createPages(config)
  const http = createHttp({
    tools,
    rows,
    hashing: tools.hashing,
    authenticator: authenticator(tools, features),
    memberships: organizationChecks(tools, refusals(tools)).lookup,
    assurance: (session, userId, now) =>
      db.tx('system', (tx) => findProvable(tools, tx, session, userId, now)),
    recordDenial: denials(tools),
    stepUp: stepUpBeginner(tools),
    formTargets: (call) => formTargetsOf(tools.keyring, call),
    continuesTo: (returnTo) => appAt(tools.clients, returnTo, tools.clock.now()),
    // an app's tests read an e-mail right after the answer; elsewhere the time of an answer says nothing about its jobs
    beforeAnswer: config.profile === 'testing' ? jobs.settleNew : null,
    ...(config.accessLog && !isForPeople(config) ? { accessEntries: batchedEntries(tools.clock.now) } : {}),
    assets: pages.assets,
    renderPage: pages.renderPage,
    renderProblem: pages.renderProblem,
    ready: async () => {
      const database = (await db.isReachable()) && (await db.isWritable(jobs.writeSample))
      const migrations = database && (await db.pendingMigrations()).length === 0
      return { ready: database && migrations, checks: { database, migrations } }
    },
  })
  let stopping: Promise<void> | null = null

  async function stop(ending: Ending): Promise<void> {
    await http.close(ending)
    await jobs.close()
    const { changes, keys, revocations, roles } = tools
    await Promise.all([changes.close(), keys.close(), revocations.close(), roles.close()])
    await close()
    await flushAll().catch((err: unknown) =>
      log.warn({ err }, 'the last flush of last-seen timestamps failed'),
    )
    await database.close()
  }

  return {
    tools,
    rows,
    settle,
    async start() {
      await ensureAdministrator(tools, tools.clock.now())
      await prepareConnections(tools)
      const { port } = await http.listen(config.host, config.port)
      jobs.start()
      return { url: `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}` }
    },
    setupLink: () => printSetupLink(tools, tools.clock.now()),
    stop: (ending = {}) => (stopping ??= stop(ending)),
  }
}
