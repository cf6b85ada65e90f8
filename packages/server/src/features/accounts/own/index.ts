/**
 * Account: what a signed-in person sees and changes of their own. Owns the profile's routes and pages and
 * deletion; leaves sessions, passwords and addresses to their rooms, whose pages stand beside these.
 */
export { accountPages } from './pages.tsx'
export { accountRoutes } from './routes.ts'
