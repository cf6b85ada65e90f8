/**
 * The connections that are an authority for an account: those that speak for the domain of its verified address. Who controls the
 * mail of a domain can read what is sent to the account; but not every connection of its organization is theirs.
 */
import { type RawBuilder, type SqlBool, sql } from 'kysely'
import { SPEAKS_FOR_DOMAIN, SPEAKS_ONCE_ACTIVE } from './spoken-domains.ts'

/** A select of their ids. @param user the column with the id of the user */
export const authoritiesOf = (user: string): RawBuilder<unknown> => selectAuthorities(user, SPEAKS_FOR_DOMAIN)

/** With those that are one once they are active again: their domain leads to them only while they are. */
export const lastingAuthoritiesOf = (user: string): RawBuilder<unknown> =>
  selectAuthorities(user, SPEAKS_ONCE_ACTIVE)

const selectAuthorities = (user: string, speaks: RawBuilder<SqlBool>): RawBuilder<unknown> => sql`
  select c.id from emails e
  join organization_domains d on d.domain = split_part(e.address_key, '@', 2)
  join organizations a on a.id = d.organization_id and a.deleted_at is null
  join connections c on ${speaks}
  where e.user_id = ${sql.ref(user)} and e.is_primary and e.verified_at is not null`
