/**
 * Profiles: the standard claims that users state about themselves besides name, username, locale and address. Owns their rows. Leaves
 * the form of the fields to core/user-profile.ts, and the audit event of a change to `users`, which every change of a profile
 * passes.
 */
export { changeUserProfile, findUserProfile, insertUserProfile } from './sql.ts'
