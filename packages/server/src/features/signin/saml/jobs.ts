/**
 * The recurring work of SAML: fetching metadata daily, rotating our keys before they expire, warning of certificates that
 * expire, and forgetting messages that are refused for their age.
 */
import { sql } from 'kysely'
import { findLocale, systemCall } from '../../../base/call.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import type { Sample } from '../../../base/metrics/index.ts'
import { readCertificate } from '../../../base/x509.ts'
import { audit } from '../../../core/audit/index.ts'
import { existingConnections } from '../../../core/connections/connections.ts'
import { connectionOf, samlAddressesOf, type UsableConnection } from '../../../core/connections/index.ts'
import { recurs, type Work } from '../../../core/jobs/index.ts'
import { adminRole } from '../../../core/roles/index.ts'
import {
  type CertificateState,
  certificateStates,
  findKeyExpiry,
  listConnectionKeys,
  refreshIdpMetadata,
} from '../../../core/saml/index.ts'
import { rotateExpiringKeys } from '../../../core/saml/keys.ts'
import type { Tools } from '../../../core/tools.ts'
import { certificateEmail } from './mail.tsx'
import { deleteUsedUntil } from './sql.ts'

export const samlJobs = (tools: Tools): Work[] => [
  recurs('saml.purge', '1h', (now) => deleteUsedUntil(tools.db.hot, now)),
  recurs('saml.metadata', '1d', (now) => refreshAll(tools, now)),
  recurs('saml.keys', '1d', (now) => rotateExpiringKeys(tools, systemCall, now)),
  recurs('saml.certificates', '12h', (now) => warnOfExpiry(tools, now)),
]

/** The SAML connections that are used, a page at a time. Those of a deleted organization are not, until it is restored. */
async function* pagesOfConnections(db: Statements): AsyncGenerator<UsableConnection[]> {
  for (let after = ''; ; ) {
    const rows = await existingConnections(db)
      .where('provider', '=', 'saml')
      .where('status', '=', 'active')
      .where('id', '>', after)
      .orderBy('id')
      .limit(100)
      .execute()
    yield rows.map(connectionOf)
    const last = rows.at(-1)
    if (last === undefined || rows.length < 100) return
    after = last.id
  }
}

/**
 * When the next of the certificates that a connection uses expires, of its provider and of this server. Of a provider one that has
 * expired is left out while another is valid: metadata lists the old one beside its successor.
 */
export async function certificateExpiry(
  db: Statements,
  now: Date,
): Promise<Sample<'connection' | 'owner'>[]> {
  const samples: Sample<'connection' | 'owner'>[] = []
  const add = (connection: string, owner: 'provider' | 'server', at: Date | undefined): void => {
    if (at === undefined) return
    const value = Math.floor((at.getTime() - now.getTime()) / 1000)
    samples.push({ labels: { connection, owner }, value })
  }
  for await (const page of pagesOfConnections(db)) {
    const ofKeys = await findKeyExpiry(
      db,
      page.map(({ id }) => id),
    )
    for (const { id, settings } of page) {
      add(id, 'provider', nextExpiry(settings.saml?.certificates ?? [], now))
      add(id, 'server', ofKeys.get(id))
    }
  }
  return samples
}

/** Of certificates that were read: each scrape would parse all of them. */
const ends = new Map<string, Date>()
const MOST_ENDS = 10_000

function endOf(certificate: string): Date | null {
  const known = ends.get(certificate)
  if (known) return known
  const end = readCertificate(certificate)?.notAfter
  if (end === undefined) return null
  if (ends.size >= MOST_ENDS) ends.clear()
  ends.set(certificate, end)
  return end
}

function nextExpiry(certificates: readonly string[], now: Date): Date | undefined {
  const all = certificates
    .flatMap((one) => endOf(one) ?? [])
    .sort((one, other) => Number(one) - Number(other))
  return all.find((end) => end > now) ?? all.at(-1)
}

/** Works on one connection after the other; the failure of one, whose data may be its provider's, is not that of the next. */
async function forEachConnection(
  { db, log }: Tools,
  task: string,
  work: (connection: UsableConnection) => Promise<void>,
): Promise<void> {
  for await (const page of pagesOfConnections(db.hot))
    for (const connection of page)
      await work(connection).catch((err: unknown) => {
        log.error({ err, connection: connection.id }, `${task} failed`)
      })
}

const refreshAll = (tools: Tools, now: Date): Promise<void> =>
  forEachConnection(tools, 'fetching the metadata of an identity provider', async (connection) => {
    if (connection.settings.saml?.metadata_url === undefined) return
    const { fault } = await refreshIdpMetadata(tools, systemCall(now), connection)
    if (fault)
      tools.log.warn(
        { connection: connection.id, fault: fault.fault, detail: fault.detail },
        'fetching the metadata of an identity provider failed',
      )
  })

/** Days before the expiry of a certificate, the most urgent first. */
const WARNINGS = [1, 7, 30] as const

const warnOfExpiry = (tools: Tools, now: Date): Promise<void> =>
  forEachConnection(tools, 'warning of certificates that expire', async (connection) => {
    const keys = await listConnectionKeys(tools.db.hot, connection.id)
    for (const certificate of certificateStates(connection, keys, now)) {
      // what is not used any more, or not yet, concerns no sign-in; one that has expired is in the diagnostics
      const days = WARNINGS.find((limit) => certificate.days_left < limit)
      if (certificate.stage === 'current' && certificate.days_left >= 0 && days !== undefined)
        await warnOnce(tools, connection, certificate, days, now)
    }
  })

async function warnOnce(
  { db, mail, config }: Tools,
  connection: UsableConnection,
  certificate: CertificateState,
  days: number,
  now: Date,
): Promise<void> {
  const { id: connectionId, organizationId, name } = connection
  const { fingerprint, owner } = certificate
  await db.tx('system', async (tx) => {
    const isFirst = await tx
      .insertInto('certificate_warnings')
      .values({ connection_id: connectionId, fingerprint, days, sent_at: now })
      .onConflict((on) => on.doNothing())
      .returning('days')
      .executeTakeFirst()
    if (!isFirst) return
    const metadataUrl = samlAddressesOf(config, connection).metadata
    const recipients = await selectRecipients(tx, organizationId, adminRole(config))
    for (const { id, address, locale } of recipients) {
      const to = { to: address, locale: findLocale(locale) ?? config.defaultLocale }
      await mail.write(tx, certificateEmail(to, { name, metadataUrl, certificate, days }), now, id)
    }
    await audit(tx, systemCall(now), {
      type: 'connection.certificate.expiring',
      userId: null,
      username: null,
      organizationId,
      details: { connection_id: connectionId, fingerprint, owner, days },
    })
  })
}

/** The active owners of the organization, or the administrators of the server, with their verified addresses. */
async function selectRecipients(
  tx: Tx,
  organizationId: string | null,
  adminRole: string,
): Promise<{ id: string; address: string; locale: string | null }[]> {
  const isRecipient =
    organizationId === null
      ? sql`exists (select from role_holders h where h.user_id = u.id and h.role = ${adminRole})`
      : sql`exists (select from memberships m where m.user_id = u.id and m.organization_id = ${organizationId}
          and m.role = 'owner')`
  const { rows } = await sql<{ id: string; address: string; locale: string | null }>`
    select u.id, e.address, u.locale from users u
    join emails e on e.user_id = u.id and e.is_primary and e.verified_at is not null
    where u.status = 'active' and ${isRecipient}
    order by u.id limit 50`.execute(tx)
  return rows
}
