/**
 * Users: who exists and what they are called. Owns users and their addresses' rows at creation, identifiers
 * and their canonical spelling, status, profile and deletion. Leaves proving an address to `emails`,
 * credentials to `passwords` and the like, and how accounts come about to `registration`.
 */
export { canonical, EmailAddress, FullName, Identifier, Username } from './identifiers.ts'
export { assertNotLastAdministrator } from './last-administrator.ts'
export { type PeopleFilter, type PeopleOrder, searchUsers } from './search.ts'
export {
  deletePendingBefore,
  existsWithRole,
  lockUser,
  selectPage as listUsers,
  updateAddress,
  updateLastLogin,
  updateLock,
} from './sql.ts'
export {
  changeProfile,
  createUser,
  deleteUser,
  disableUser,
  enableUser,
  findByIdentifier,
  findNamed,
  findUser,
  getUser,
  type Named,
  type NewUser,
  type ProfileChange,
  takingIdentifiers,
  type User,
} from './users.ts'
export { UserView, userView } from './view.ts'
export { organizationWished } from './wish.ts'
