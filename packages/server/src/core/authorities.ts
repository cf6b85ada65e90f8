/**
 * The connections that are an authority for an account: those that speak for the domain of its verified address. Who controls the
 * mail of a domain can read what is sent to the account; but not every connection of its organization is theirs.
 */
import { type RawBuilder, sql } from 'kysely'
import { SPEAKS_FOR_DOMAIN } from './spoken-domains.ts'

/** A select of their ids. @param user the column with the id of the user */
export const authoritiesOf = (user: string): RawBuilder<unknown> => sql`
  select c.id from emails e
  join organization_domains d on d.domain = split_part(e.address_key, '@', 2)
  join organizations a on a.id = d.organization_id and a.deleted_at is null
  join connections c on ${SPEAKS_FOR_DOMAIN}
  where e.user_id = ${sql.ref(user)} and e.is_primary and e.verified_at is not null`
