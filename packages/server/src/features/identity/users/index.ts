/**
 * Users: who exists and what they are called. Owns users and their addresses' rows at creation, and the
 * profile. Leaves proving and changing an address to `emails`, disabling, locking
 * and deleting to `lifecycle`, credentials to `passwords` and other methods, and sign-up to `registration`.
 */
export { listUsers, lockUserRow, updateLastSignIn } from './sql.ts'
export {
  addressTaken,
  changeProfile,
  createUser,
  findByIdentifier,
  findNamed,
  findUser,
  getUser,
  getUserNamed,
  type User,
} from './users.ts'
export { UserView, userView } from './view.ts'
export { organizationWished } from './wish.ts'
