/**
 * The rules of set-up links: issuing, listing and revoking them, and checking one at each use. A link is a credential for one
 * organization and one intent: `lnk_….secret`, of which the hash is stored, used for up to seven days until it is completed.
 *
 * Invariant: a link permits what its maker may do now: it is void without a word where the maker has lost the permission
 * `connections:write`, cannot sign in, or the organization is deleted. Changes through it run as the maker, with the link's id
 * in every audit event (`details.setup_link_id`). Leaves what it may change to setup.ts.
 */
import { can } from '@latchkey/guard'
import type { Call, Locale } from '../../../base/call.ts'
import { later } from '../../../base/clock.ts'
import { randomSecret, sha256 } from '../../../base/crypto.ts'
import { callerScope } from '../../../base/db/scope.ts'
import type { Tx } from '../../../base/db/types.ts'
import { notFound, problem } from '../../../base/errors.ts'
import { isId, newId } from '../../../base/ids.ts'
import type { Tools } from '../../../core/tools.ts'
import { findMembership, inside, recordOrganizationEvent } from '../membership/index.ts'
import type { SetupProvider } from './choices.ts'
import { setupLinkEmail } from './mail.tsx'
import { hasLink, insertLink, markUsed, revokeLink, type SetupLink, selectLink, selectLinks } from './sql.ts'

/** Milliseconds. */
export const LONGEST_LIFE = 7 * 86_400_000
const MOST_OPEN = 20
/** A use is recorded this often. */
const SIGHTING = 10 * 60_000

export type SetupTools = Pick<Tools, 'clock' | 'config' | 'db' | 'jobs' | 'keyring' | 'mail' | 'roles'>

export interface NewSetupLink {
  /** Of a form that is sent twice one link is made; others get an id. */
  id?: string | undefined
  intent: SetupLink['intent']
  provider: SetupProvider | null
  /** Milliseconds. */
  lifetime: number
  /** Where it is sent, if it is. */
  email: string | null
  locale: Locale
}

/** A new link with its address, which cannot be read again. */
export interface IssuedSetupLink {
  link: SetupLink
  url: string
}

/** @throws Problem CONFLICT for too many, and `exists` for an id that is taken */
export const issueSetupLink = (
  tools: SetupTools,
  call: Call,
  fields: NewSetupLink,
): Promise<IssuedSetupLink> =>
  inside(tools, call, 'connections:write', (tx, { actor, organization }) =>
    tx.asSystem((system) => issueFor(tools, system, call, organization, actor.userId, fields)),
  )

/** Issues a link that permits what the maker may do. As the system; the organization is locked. */
export async function issueFor(
  tools: SetupTools,
  tx: Tx,
  call: Call,
  { id: organizationId, name }: { id: string; name: string },
  maker: string,
  { id: wanted = '', intent, provider, lifetime, email, locale }: NewSetupLink,
): Promise<IssuedSetupLink> {
  const [id, secret] = [isId('lnk', wanted) ? wanted : newId('lnk'), randomSecret()]
  const url = `${tools.config.publicUrl}/setup/connection/${id}.${secret}`
  const links = await selectLinks(tx, organizationId, call.now)
  if (links.filter(({ completed_at: completed }) => completed === null).length >= MOST_OPEN)
    throw problem('CONFLICT', {
      message: `There may be at most ${MOST_OPEN} open set-up links. Revoke one first.`,
      details: { reason: 'too_many' },
    })
  if (await hasLink(tx, id))
    throw problem('CONFLICT', {
      message: 'This link was created already. List the links to see it.',
      details: { reason: 'exists' },
    })
  const link = await insertLink(tx, {
    id,
    organization_id: organizationId,
    intent,
    provider,
    choice: null,
    connection_id: null,
    secret_hash: sha256(`${id}.${secret}`),
    made_by: maker,
    created_at: call.now,
    expires_at: later(call.now, lifetime),
    last_used_at: null,
    completed_at: null,
    revoked_at: null,
  })
  await recordOrganizationEvent(tx, call, 'organization.setup_link.created', organizationId, {
    setup_link_id: id,
    intent,
    provider,
    by_email: email !== null,
    expires_at: link.expires_at.toISOString(),
    ...byOperator(call, { maker }),
  })
  if (email !== null) {
    const about = { to: email, locale, url, organization: name, expiresAt: link.expires_at }
    await tools.mail.write(tx, setupLinkEmail(tools.config, about), call.now)
  }
  return { link, url }
}

/** What the event of an operator says besides, whose user is none. */
const byOperator = ({ principal }: Call, more: object = {}): object =>
  principal === null ? { by: 'operator', ...more } : {}

export interface ShownSetupLink extends SetupLink {
  /** Whether it works: its maker may still do what it permits. */
  isVoid: boolean
}

/** Those that work: open ones first, then completed ones. */
export const listSetupLinks = (tools: Pick<Tools, 'db' | 'roles'>, call: Call): Promise<ShownSetupLink[]> =>
  tools.db.tx(callerScope(call), async (tx) => {
    const links = await selectLinks(tx, call.organization?.id ?? '', call.now)
    return await tx.asSystem((system) => shownLinks(tools, system, links, call.now))
  })

/** As the system. */
export async function shownLinks(
  tools: Pick<Tools, 'roles'>,
  tx: Tx,
  links: readonly SetupLink[],
  now: Date,
): Promise<ShownSetupLink[]> {
  const able = new Map<string, boolean>()
  for (const { organization_id, made_by } of links)
    if (!able.has(made_by))
      able.set(made_by, (await findMaker(tools, tx, organization_id, made_by, now)) !== null)
  return links.map((link) => ({ ...link, isVoid: !able.get(link.made_by) }))
}

/** Also one that is completed, which shows what was set up. @throws Problem NOT_FOUND */
export const revokeSetupLink = (tools: Pick<Tools, 'db' | 'roles'>, call: Call, id: string): Promise<void> =>
  inside(tools, call, 'connections:write', (tx, { organization }) =>
    tx.asSystem((system) => revokeFor(system, call, organization.id, id)),
  )

/** As the system; the organization is locked. @throws Problem NOT_FOUND */
export async function revokeFor(tx: Tx, call: Call, organizationId: string, id: string): Promise<void> {
  if (!(await revokeLink(tx, organizationId, id, call.now))) throw notFound('setup_link')
  const details = { setup_link_id: id, ...byOperator(call) }
  await recordOrganizationEvent(tx, call, 'organization.setup_link.revoked', organizationId, details)
}

/** What the maker of a link may do now; null: not what the link permits. As the system. */
export async function findMaker(
  tools: Pick<Tools, 'roles'>,
  tx: Tx,
  organizationId: string,
  userId: string,
  now: Date,
) {
  const membership = await findMembership(tools, tx, organizationId, userId, now)
  return membership && can(membership, 'connections:write') ? membership : null
}

/** A link that was checked for this request. */
export interface OpenSetupLink {
  token: string
  link: SetupLink
  organization: { id: string; name: string }
  /** Completed: it shows what was set up, and changes nothing. */
  isCompleted: boolean
  /** The call as which changes run: the maker's, inside of the organization. */
  call: Call
}

/** Why a link is refused. `unknown`: malformed, another's, or void. */
export type SetupRefusal = 'unknown' | 'expired' | 'revoked'

/** Checks a link, at each use. */
export async function openSetupLink(
  tools: Pick<Tools, 'db' | 'roles'>,
  call: Call,
  token: string,
): Promise<OpenSetupLink | { refused: SetupRefusal }> {
  const [id = '', secret = '', ...more] = token.split('.')
  if (!isId('lnk', id) || secret.length !== 43 || more.length > 0) return { refused: 'unknown' }
  return await tools.db.tx('system', async (tx) => {
    const found = await selectLink(tx, id, sha256(token))
    if (!found || found.organization_deleted_at !== null) return { refused: 'unknown' }
    const { organization_name: name, organization_deleted_at: _, ...link } = found
    if (link.revoked_at !== null) return { refused: 'revoked' }
    if (link.expires_at <= call.now) return { refused: 'expired' }
    const { organization_id: organizationId, made_by: userId } = link
    const maker = await findMaker(tools, tx, organizationId, userId, call.now)
    if (!maker) return { refused: 'unknown' }
    const { atServer, ...organization } = maker
    const principal = {
      userId,
      username: null,
      roles: [],
      permissions: atServer,
      method: 'session',
      name: null,
      locale: null,
      keyId: null,
      tokenId: null,
      expiresAt: link.expires_at,
      amr: [],
    } as const
    const asMaker: Call = { ...call, principal, session: null, organization, setupLink: id }
    await markUsed(tx, id, call.now, later(call.now, -SIGHTING))
    return {
      token,
      link,
      organization: { id: organizationId, name },
      isCompleted: link.completed_at !== null,
      call: asMaker,
    }
  })
}
