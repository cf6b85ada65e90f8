/**
 * Searching users by the beginning of a username, an address or a name. Owns the statement and its order. Leaves which
 * users are wanted, and who may see them, to the modules that search.
 */
export { positionIn, searchByText, type UserPosition } from './search.ts'
