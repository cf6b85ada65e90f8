/**
 * What is set up through a link: one connection, which it creates, and domains. Every change runs under the locks of the
 * organization and of the link, which is checked again there, as the maker of the link.
 *
 * Invariant: a link changes the connection that it made, while that is a draft; it sets what identifies the provider, its
 * client and its attributes, never roles or what the connection is trusted with. Completing it happens once.
 */
import { type Call, findLocale } from '../../../base/call.ts'
import type { Tx } from '../../../base/db/types.ts'
import { invalid, notFound, Problem, problem, reasonOf } from '../../../base/errors.ts'
import { firstActiveOf } from '../../../core/leading-connections.ts'
import type { Tools } from '../../../core/tools.ts'
import { connectionChanges, type Owner, type ShownConnection } from '../connections/index.ts'
import { checkDomain, type DomainRow, domainChanges } from '../domains/index.ts'
import { recordOrganizationEvent } from '../membership/index.ts'
import { listOwners } from '../organization/index.ts'
import { choicesOf, SETTINGS_OF_LINKS, SETUP_CHOICES, type SetupChoice } from './choices.ts'
import { assertNewProvider } from './issuers.ts'
import { setupCompletedEmail } from './mail.tsx'
import type { OpenSetupLink, SetupTools } from './setup-links.ts'
import { lockLink, type SetupLink, updateLink } from './sql.ts'
import { type SetupUse, useOf } from './use.ts'

const MOST_DOMAINS = 20

/** Runs a change through a link. @throws Problem INVALID_TOKEN, CONFLICT `completed`, INSUFFICIENT_PERMISSIONS */
const through = <T>(
  tools: SetupTools,
  { call, link: { id } }: OpenSetupLink,
  work: (tx: Tx, owner: Owner, call: Call, link: SetupLink) => Promise<T>,
): Promise<T> =>
  connectionChanges.changing(tools, call, 'organization', async (tx, owner) => {
    const link = await lockOpen(tx, id, call.now)
    // what follows has events with the id of the link
    if (link.connection_id === null && link.domain_ids.length === 0)
      await recordOrganizationEvent(tx, call, 'organization.setup_link.used', link.organization_id)
    return await work(tx, owner, call, link)
  })

async function lockOpen(tx: Tx, id: string, now: Date): Promise<SetupLink> {
  const link = await lockLink(tx, id)
  if (!link || link.revoked_at !== null || link.expires_at <= now) throw problem('INVALID_TOKEN')
  if (link.completed_at !== null) throw refused('completed', 'This set-up is completed.')
  return link
}

/** Before a change that is a transaction of another module. */
const assertOpen = (tools: SetupTools, { call, link: { id } }: OpenSetupLink): Promise<SetupLink> =>
  connectionChanges.changing(tools, call, 'organization', (tx) => lockOpen(tx, id, call.now))

const refused = (reason: string, message: string): Problem =>
  problem('CONFLICT', { message, details: { reason } })

export interface ConnectionSetup {
  choice: SetupChoice | null
  connection: ShownConnection | null
  /** Those of the link. */
  domains: readonly DomainRow[]
  /** What the connection is used for once it is active. */
  use: SetupUse
}

/** What has been set up so far. */
export const readSetup = (
  tools: Pick<Tools, 'db'>,
  { link, organization }: OpenSetupLink,
): Promise<ConnectionSetup> =>
  tools.db.tx('system', async (tx) => {
    const connections = await connectionChanges.read(tx, organization.id)
    const connection = connections.find(({ id }) => id === link.connection_id) ?? null
    const domains = await domainChanges.list(tx, organization.id)
    return {
      choice: connection && (SETUP_CHOICES.find(({ id }) => id === link.choice) ?? null),
      connection,
      domains: domains.filter(({ id }) => link.domain_ids.includes(id)),
      use: useOf(link, connections, domains),
    }
  })

/** The domains of the link that were not removed meanwhile. */
async function domainsOf(tx: Tx, { organization_id, domain_ids }: SetupLink): Promise<DomainRow[]> {
  if (domain_ids.length === 0) return []
  return (await domainChanges.list(tx, organization_id)).filter(({ id }) => domain_ids.includes(id))
}

/** The draft of the link. @throws Problem CONFLICT `no_connection`, `in_use` */
async function draftOf(tx: Tx, owner: Owner, link: SetupLink): Promise<ShownConnection> {
  const [connection] =
    link.connection_id === null
      ? []
      : await connectionChanges.read(tx, owner.organizationId, link.connection_id)
  if (!connection) throw refused('no_connection', 'Choose the provider first.')
  if (connection.status !== 'draft' || connection.origin !== 'setup_link')
    throw refused('in_use', 'This connection is in use, and is changed by the owners of the organization.')
  return connection
}

/** Chooses the provider. Another choice than before replaces the draft. @throws Problem VALIDATION_ERROR */
export async function chooseSetup(tools: SetupTools, setup: OpenSetupLink, choiceId: string): Promise<void> {
  await through(tools, setup, async (tx, owner, call, link) => {
    const choice =
      link.intent === 'domain' ? undefined : choicesOf(link.provider).find(({ id }) => id === choiceId)
    if (!choice) throw invalid('choice', 'unknown', 'Choose one of the providers.')
    if (link.connection_id !== null) {
      if (link.choice === choice.id) return
      const { id } = await draftOf(tx, owner, link)
      await connectionChanges.delete(tools, tx, call, owner, id)
    }
    const { groups, ...names } = choice.attributes
    const attributes =
      choice.kind === 'saml' ? { ...names, ...(groups && { groups }) } : groups ? { groups } : {}
    const made = await connectionChanges.create(tools, tx, call, owner, {
      provider: choice.provider,
      name: setup.organization.name.slice(0, 80),
      settings: Object.keys(attributes).length > 0 ? { attributes } : {},
      origin: 'setup_link',
    })
    await assertNewProvider(tx, link.organization_id, made)
    await updateLink(tx, link.id, { choice: choice.id, connection_id: made.id })
  })
}

export interface SetupChange {
  clientId?: string | null | undefined
  /** Absent: the secret stays. */
  clientSecret?: string | undefined
  settings: Readonly<Record<string, unknown>>
}

/** Changes the draft. @throws Problem VALIDATION_ERROR, CONFLICT */
export async function saveSetup(
  tools: SetupTools,
  setup: OpenSetupLink,
  { clientId, clientSecret, settings }: SetupChange,
): Promise<void> {
  const foreign = Object.keys(settings).find((name) => !(SETTINGS_OF_LINKS as ReadonlySet<string>).has(name))
  if (foreign !== undefined)
    throw invalid(`settings.${foreign}`, 'unknown', 'A set-up link does not set this.')
  await through(tools, setup, async (tx, owner, call, link) => {
    const { id } = await draftOf(tx, owner, link)
    const change = { clientId, clientSecret, settings }
    const changed = await connectionChanges.change(tools, tx, call, owner, id, change)
    await assertNewProvider(tx, link.organization_id, changed)
  })
}

/**
 * Adds a domain. One that the organization has already is its owners': where its people sign in is not for the reader of a link
 * to say, nor what its record is. @throws Problem VALIDATION_ERROR, CONFLICT `domain_known`, `too_many`
 */
export async function addSetupDomain(
  tools: SetupTools,
  setup: OpenSetupLink,
  domain: string,
): Promise<DomainRow> {
  if (setup.link.intent === 'connection') throw notFound('domain')
  await domainChanges.assertOwnable(domain)
  return await through(tools, setup, async (tx, { userId }, call, link) => {
    const ids = (await domainsOf(tx, link)).map(({ id }) => id)
    const by = { organizationId: link.organization_id, userId }
    const { row, isNew } = await domainChanges.add(tx, call, by, domain)
    if (ids.includes(row.id)) return row
    if (!isNew)
      throw refused(
        'domain_known',
        'The organization has this domain already. Its owners choose the connection by which its people sign in: ask one of them.',
      )
    // which also undoes the addition
    if (ids.length >= MOST_DOMAINS)
      throw refused('too_many', `A set-up link takes at most ${MOST_DOMAINS} domains.`)
    await updateLink(tx, link.id, { domain_ids: [...ids, row.id] })
    return row
  })
}

/**
 * Removes one of the link's domains, such as one that was mistyped. One that is verified may be used for sign-ins, and is its
 * owners'. @throws Problem NOT_FOUND for any other, CONFLICT `domain_verified`
 */
export async function removeSetupDomain(tools: SetupTools, setup: OpenSetupLink, id: string): Promise<void> {
  await through(tools, setup, async (tx, _owner, call, link) => {
    const domains = await domainsOf(tx, link)
    const row = domains.find((one) => one.id === id)
    if (!row) throw notFound('domain')
    if (row.verified_at !== null)
      throw refused('domain_verified', 'This domain is verified. Its owners can remove it.')
    await domainChanges.remove(tools, tx, call, row)
    const others = domains.filter((one) => one !== row)
    await updateLink(tx, link.id, { domain_ids: others.map((one) => one.id) })
  })
}

/** Checks the record of one of the link's domains. @throws Problem NOT_FOUND for any other */
export async function checkSetupDomain(
  tools: SetupTools,
  setup: OpenSetupLink,
  id: string,
): Promise<DomainRow> {
  if (!setup.link.domain_ids.includes(id)) throw notFound('domain')
  await assertOpen(tools, setup)
  return await checkDomain(tools, setup.call, id)
}

/**
 * Completes the set-up, once: the connection is activated, if it was tested as it is now, the domains of the link lead to it,
 * and the owners get an e-mail.
 * @returns whether this request did. @throws Problem CONFLICT `not_tested`, `no_domain`, VALIDATION_ERROR for what is missing
 */
export async function completeSetup(tools: SetupTools, setup: OpenSetupLink): Promise<boolean> {
  try {
    await through(tools, setup, async (tx, owner, call, link) => {
      let connectionId: string | null = null
      if (link.intent === 'domain') {
        if ((await domainsOf(tx, link)).length === 0) throw refused('no_domain', 'Add a domain first.')
      } else {
        const draft = await draftOf(tx, owner, link)
        if (draft.testedAt === null) throw refused('not_tested', 'Test the sign-in first.')
        // others may have connected it meanwhile
        await assertNewProvider(tx, link.organization_id, draft)
        await keepDomains(tools, tx, call, link)
        connectionId = draft.id
        const isOfLink = ({ id, added_by }: DomainRow) =>
          link.domain_ids.includes(id) && added_by === link.made_by
        await domainChanges.setConnection(tools, tx, call, setup.organization.id, isOfLink, connectionId)
        await connectionChanges.change(tools, tx, call, owner, draft.id, { status: 'active' }, draft.version)
      }
      await updateLink(tx, link.id, { completed_at: call.now })
      await recordOrganizationEvent(tx, call, 'organization.setup_link.completed', setup.organization.id, {
        connection_id: connectionId,
      })
      await informOwners(tools, tx, setup, link)
    })
  } catch (error) {
    if (error instanceof Problem && reasonOf(error) === 'completed') return false
    throw error
  }
  return true
}

/**
 * Domains that lead to no connection in particular lead to the first active one by its age, which the draft of a link can
 * precede. Where there is one already, they stay with it.
 */
async function keepDomains(
  tools: Pick<SetupTools, 'jobs'>,
  tx: Tx,
  call: Call,
  { organization_id: id, domain_ids: own, connection_id: draft }: SetupLink,
): Promise<void> {
  const first = firstActiveOf(await connectionChanges.read(tx, id))
  if (first === null || draft === null || first < draft) return
  await domainChanges.setConnection(tools, tx, call, id, (domain) => !own.includes(domain.id), first)
}

async function informOwners(
  tools: SetupTools,
  tx: Tx,
  { call, organization }: OpenSetupLink,
  link: SetupLink,
): Promise<void> {
  const owners = await listOwners(tx, organization.id)
  const maker = owners.find(({ id }) => id === link.made_by)?.email ?? null
  const [connections, domains] = [
    await connectionChanges.read(tx, organization.id),
    await domainChanges.list(tx, organization.id),
  ]
  const { state } = useOf(link, connections, domains)
  for (const { id, email: to, locale } of owners) {
    const about = {
      to,
      locale: findLocale(locale) ?? 'en',
      organization,
      intent: link.intent,
      maker,
      state,
    }
    await tools.mail.write(tx, setupCompletedEmail(tools.config, about), call.now, id)
  }
}
