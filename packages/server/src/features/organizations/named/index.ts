/**
 * The organization that a command of the operator names, by its id or slug: found, and locked for a change, for the commands of every
 * module of this wing; and the fields that they are given, checked as those of the API. Owns no table, and decides nothing about what
 * the operator may do.
 */
export { checkedFields, inNamedOrganization, readNamedOrganization } from './named.ts'
