/** The SQL of required sign-in by a connection. */
import { sql } from 'kysely'
import { ESTABLISHED_AFTER } from '../../../base/assurance.ts'
import { later } from '../../../base/clock.ts'
import { limitOf } from '../../../base/db/limit.ts'
import type { Tx } from '../../../base/db/types.ts'
import { connectionsOf, MEMBER_CONNECTIONS } from '../../../core/policies.ts'
import { SPEAKS_FOR_DOMAIN } from '../../../core/spoken-domains.ts'

export interface SsoReadiness {
  has_connection: boolean
  has_tested: boolean
  has_domain: boolean
}

/** A connection to which no domain leads is none by which members could be required to sign in, where a set-up link has made it. */
export async function selectReadiness(tx: Tx, organizationId: string): Promise<SsoReadiness> {
  const { rows } = await sql<SsoReadiness>`
    with proven as (
      select exists (select from organization_domains d
        where d.organization_id = ${organizationId} and d.verified_at is not null) as has_domain)
    select count(c.id) > 0 as has_connection, count(c.tested_at) > 0 as has_tested, proven.has_domain
    from proven left join connections c on c.organization_id = ${organizationId} and c.status = 'active'
      and (not proven.has_domain or exists (select from organization_domains d where ${SPEAKS_FOR_DOMAIN}))
    group by proven.has_domain`.execute(tx)
  return rows[0] as SsoReadiness
}

/**
 * Whether members of its organization have to sign in by a connection, of which this is the last one: without it, that lapses.
 * @param how a domain for which it was chosen leads nowhere while it is disabled, and to the first active one when it is deleted
 */
export async function isLastRequiredConnection(
  tx: Tx,
  connectionId: string,
  how: 'disabled' | 'deleted',
): Promise<boolean> {
  const chosen = how === 'deleted' ? sql`nullif(d.connection_id, one.id)` : sql`d.connection_id`
  const { rows } = await sql`
    select from connections one join security_policies p using (organization_id)
    where one.id = ${connectionId} and p.sign_in = 'sso_required'
      and one.id = any(${connectionsOf(sql`one.organization_id`)}) and not exists (
        select from connections other join organization_domains d
          on d.organization_id = other.organization_id and d.verified_at is not null
        where other.organization_id = one.organization_id and other.status = 'active' and other.id <> one.id
          and (other.origin <> 'setup_link' or other.id = coalesce(${chosen}, (
            select f.id from connections f
            where f.organization_id = one.organization_id and f.status = 'active' and f.id <> one.id
            order by f.id limit 1))))`.execute(tx)
  return rows.length > 0
}

/** The same of a domain: without it, no connection speaks for one that the organization has proven. */
export async function isLastRequiredDomain(tx: Tx, domainId: string): Promise<boolean> {
  const { rows } = await sql`
    select from organization_domains one join security_policies p using (organization_id)
    where one.id = ${domainId} and one.verified_at is not null and p.sign_in = 'sso_required'
      and cardinality(${connectionsOf(sql`one.organization_id`)}) > 0
      and cardinality(${connectionsOf(sql`one.organization_id`, { without: sql`one.id` })}) = 0`.execute(tx)
  return rows.length > 0
}

export interface SsoEffect {
  members: number
  /** The names of the connections by which members can sign in. */
  connections: string[]
  /** Members without an account at one of these connections. */
  must_connect: number
  /** Of those, the members without a verified address at a proven domain, whom a sign-in does not connect by itself. */
  other_address: number
  owners: number
  /** Owners who could not sign in without the connection now: they have no second factor that was enrolled for a day. */
  owners_without_factor: number
  /** Of those, the owners whose second factor is younger, and when the last of them can. */
  owners_waiting: number
  owners_ready_at: Date | null
}

/** What it means for the members of an organization that they are required to sign in by a connection. System scope. */
export async function countSsoEffect(tx: Tx, organizationId: string, now: Date): Promise<SsoEffect> {
  const establishedBy = later(now, -ESTABLISHED_AFTER)
  const { rows } = await sql<SsoEffect>`
    with usable as (select ${connectionsOf(sql`${organizationId}`)} as ids), judged as (
      select m.role = 'owner' as is_owner,
        exists (
          select from identities i where i.user_id = m.user_id and i.connection_id = any(usable.ids)
            and i.connection_id = any(${MEMBER_CONNECTIONS})) as is_connected,
        exists (
          select from emails e join organization_domains d
            on d.organization_id = m.organization_id and d.domain = split_part(e.address_key, '@', 2)
          join connections c on c.id = any(usable.ids) and ${SPEAKS_FOR_DOMAIN}
          where e.user_id = m.user_id and e.verified_at is not null) as is_of_domain,
        -- by the oldest of what replaces the connection (replacing of core/policies.ts)
        (select min(f.confirmed_at) from factors f
          where f.user_id = m.user_id and f.confirmed_at is not null and (f.kind = 'passkey' or (
            f.kind in ('totp', 'backup_codes') and exists (select from passwords p where p.user_id = m.user_id)))) as enrolled_at
      from usable cross join memberships m join users u on u.id = m.user_id
      where m.organization_id = ${organizationId} and u.status = 'active'
    )
    select count(*)::int as members,
      array(select c.name from connections c where c.id = any((select ids from usable)::text[]) order by c.id) as connections,
      count(*) filter (where not is_connected)::int as must_connect,
      count(*) filter (where not is_connected and not is_of_domain)::int as other_address,
      count(*) filter (where is_owner)::int as owners,
      count(*) filter (where is_owner and (enrolled_at is null or enrolled_at > ${establishedBy}))::int as owners_without_factor,
      count(*) filter (where is_owner and enrolled_at > ${establishedBy})::int as owners_waiting,
      max(enrolled_at) filter (where is_owner and enrolled_at > ${establishedBy})
        + ${ESTABLISHED_AFTER / 1000} * interval '1 second' as owners_ready_at
    from judged`.execute(tx)
  return rows[0] as SsoEffect
}

export interface ChangedRow {
  organization_id: string
  name: string
  lapsed: boolean
}

/** Organizations where the requirement has lapsed, or holds again: of two nodes one gets each. */
export async function claimChanged(tx: Tx, limit: number, now: Date): Promise<ChangedRow[]> {
  const { rows } = await sql<ChangedRow>`
    with judged as (
      select p.organization_id, cardinality(${connectionsOf(sql`p.organization_id`)}) = 0 as lapsed
      from security_policies p
      where p.sign_in = 'sso_required' or p.sso_lapsed_at is not null
    ), changed as (
      select p.organization_id, p.sign_in = 'sso_required' and judged.lapsed as lapsed
      from security_policies p join judged using (organization_id)
      where (p.sso_lapsed_at is not null) <> (p.sign_in = 'sso_required' and judged.lapsed)
      order by p.organization_id limit ${limitOf(limit)} for no key update of p skip locked
    )
    update security_policies p set sso_lapsed_at = case when changed.lapsed then ${now}::timestamptz end
    from changed, organizations o
    where p.organization_id = changed.organization_id and o.id = p.organization_id
    returning p.organization_id, o.name, changed.lapsed`.execute(tx)
  return rows
}

/** The names of an organization that is not deleted, and of a user. */
export async function selectNames(
  tx: Tx,
  organizationId: string,
  userId: string,
): Promise<{ organization: string; user: string } | undefined> {
  const { rows } = await sql<{ organization: string; user: string }>`
    select o.name as organization, coalesce(u.full_name, u.username, e.address, u.id) as user
    from organizations o, users u left join emails e on e.user_id = u.id and e.is_primary
    where o.id = ${organizationId} and o.deleted_at is null and u.id = ${userId}`.execute(tx)
  return rows[0]
}
