/** The organizations that are an authority for an account: those that have proven the domain of its verified address. */
import { type RawBuilder, sql } from 'kysely'

/** A select of their ids. @param user the column with the id of the user */
export const authoritiesOf = (user: string): RawBuilder<unknown> => sql`
  select d.organization_id from emails e
  join organization_domains d on d.domain = split_part(e.address_key, '@', 2) and d.verified_at is not null
  join organizations a on a.id = d.organization_id and a.deleted_at is null
  where e.user_id = ${sql.ref(user)} and e.is_primary and e.verified_at is not null`
