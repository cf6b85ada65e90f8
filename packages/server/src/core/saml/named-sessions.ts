/** Which stored NameID a logout request names (SAML core §3.3.4): not by its text alone. In columns, and as it is kept in JSON. */
import { type RawBuilder, type SqlBool, sql } from 'kysely'
import type { ProviderSessions } from '../providers/index.ts'
import { NAME_ID_FORMATS } from './names.ts'

/** The columns of a NameID besides its text, as it was asserted. */
interface StoredName {
  format: RawBuilder<unknown>
  nameQualifier: RawBuilder<unknown>
  spNameQualifier: RawBuilder<unknown>
}

/**
 * Whether format and qualifiers of a stored name are those of the request. Providers leave them out of either: a format that is
 * not stated fits every one, and a qualifier that is not stated is the entity id of its side (§8.3.7).
 */
export const hasNameOf = (
  stored: StoredName,
  { format, nameQualifier, spNameQualifier, issuer, audience }: ProviderSessions,
): RawBuilder<SqlBool> => sql<SqlBool>`
  (${format}::text is null or coalesce(${stored.format}, ${NAME_ID_FORMATS.unspecified}) in (${format}, ${NAME_ID_FORMATS.unspecified}))
  and coalesce(${stored.nameQualifier}, ${issuer}) = coalesce(${nameQualifier}::text, ${issuer})
  and coalesce(${stored.spNameQualifier}, ${audience}) = coalesce(${spNameQualifier}::text, ${audience})`

/**
 * Whether a session that is kept as JSON (`ConnectedSession`) is one of those; null is none.
 * @param kept a column, of which the first two expressions may be an index, or what it contains
 */
export const isNamedIn = (kept: RawBuilder<unknown>, which: ProviderSessions): RawBuilder<SqlBool> => {
  const stored = {
    format: sql`${kept} ->> 'name_id_format'`,
    nameQualifier: sql`${kept} ->> 'name_qualifier'`,
    spNameQualifier: sql`${kept} ->> 'sp_name_qualifier'`,
  }
  return sql<SqlBool>`
    ${kept} ->> 'connection_id' = ${which.connectionId} and ${kept} ->> 'name_id' = ${which.nameId}
    and ${kept} is not null and ${hasNameOf(stored, which)}
    and (${which.sessionIndexes.length === 0}
      or ${kept} ->> 'session_index' = any(${[...which.sessionIndexes]}::text[]))`
}
