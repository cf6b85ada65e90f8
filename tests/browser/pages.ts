/**
 * Table of the hosted pages in their states, each with the steps that open it. access.test.ts tests the properties of
 * all pages over this table.
 */
import { type RawBuilder, sql } from 'kysely'
import { linkIn } from '../../packages/server/src/testing/mailbox.ts'
import { PASSWORD, type World } from '../../packages/server/src/testing/world.ts'
import { FACTOR_STATES } from './factor-pages.ts'
import { SETUP_STATES } from './setup-pages.ts'
import type { Visitor } from './visitor.ts'

export interface PageState {
  name: string
  /** The visitor: not signed in, signed in, or in a sign-in that stopped at an expired password. */
  as: 'stranger' | 'person' | 'expired'
  /** The heading that identifies the page. */
  heading: string | RegExp
  /** The status of the page; the default is 200. */
  status?: number
  open(me: Visitor, world: World): Promise<void>
}

let addresses = 0
/** Registers an unverified user. @returns the address */
async function registered(world: World): Promise<string> {
  const email = `waiting${++addresses}@example.com`
  await world.client().post('/api/v1/auth/register', { email, password: PASSWORD })
  return email
}

async function emailOfReset(world: World): Promise<string> {
  const { email } = await world.person({ signIn: false })
  await world.client().post('/api/v1/auth/password/forgot', { email })
  await world.mailbox.emailTo(email, /Reset/)
  return email
}

/** Invalidates the CSRF token of the form, as in a page that has been open for too long. */
const invalidateToken = (me: Visitor) =>
  me.page.locator('main [name=csrf_token]').evaluate((field) => field.setAttribute('value', 'spoilt'))

export const STATES: readonly PageState[] = [
  { name: 'sign-in', as: 'stranger', heading: 'Sign in', open: (me) => me.visit('/sign-in') },
  {
    name: 'sign-in-notice',
    as: 'stranger',
    heading: 'Sign in',
    open: (me) => me.visit('/account/security'),
  },
  {
    name: 'sign-in-wrong',
    as: 'stranger',
    heading: 'Sign in',
    status: 401,
    open: (me) => me.signIn('ada@example.com', 'a wrong one of several words'),
  },
  {
    name: 'sign-in-empty',
    as: 'stranger',
    heading: 'Sign in',
    status: 400,
    async open(me) {
      await me.visit('/sign-in')
      await me.press('Sign in')
    },
  },
  { name: 'sign-up', as: 'stranger', heading: 'Create your account', open: (me) => me.visit('/sign-up') },
  {
    name: 'sign-up-refused',
    as: 'stranger',
    heading: 'Create your account',
    status: 400,
    async open(me) {
      await me.visit('/sign-up')
      await me.fill({ 'E-mail address': 'no address', Password: 'short' })
      await me.press('Create account')
    },
  },
  {
    name: 'check-your-mail',
    as: 'stranger',
    heading: 'Check your e-mail',
    async open(me, world) {
      await me.signIn(await registered(world))
      await me.press('Send the e-mail again')
    },
  },
  {
    name: 'verify-email',
    as: 'stranger',
    heading: 'Confirm your address',
    open: async (me, world) => void (await me.openEmail(await registered(world), /verify-email/)),
  },
  {
    name: 'verified',
    as: 'stranger',
    heading: 'Your address is confirmed',
    async open(me, world) {
      await me.openEmail(await registered(world), /verify-email/)
      await me.press('Confirm address')
    },
  },
  {
    name: 'verify-link-invalid',
    as: 'stranger',
    heading: 'This link no longer works',
    status: 401,
    open: (me) => me.visit('/verify-email?token=nonsense'),
  },
  {
    name: 'forgot-password',
    as: 'stranger',
    heading: 'Forgot your password?',
    open: (me) => me.visit('/forgot-password'),
  },
  {
    name: 'forgot-password-sent',
    as: 'stranger',
    heading: 'Check your e-mail',
    async open(me) {
      await me.visit('/forgot-password')
      await me.fill({ 'E-mail address': 'unknown@example.com' })
      await me.press('Send the link')
    },
  },
  {
    name: 'reset-password',
    as: 'stranger',
    heading: 'Choose a new password',
    open: async (me, world) => void (await me.openEmail(await emailOfReset(world), /reset-password/)),
  },
  {
    name: 'reset-link-invalid',
    as: 'stranger',
    heading: 'This link no longer works',
    status: 401,
    open: (me) => me.visit('/reset-password?token=nonsense'),
  },
  {
    name: 'setup',
    as: 'stranger',
    heading: 'Welcome to Latchkey',
    open: async (me, world) => void (await me.page.goto((await world.app.setupLink()) ?? '')),
  },
  {
    name: 'setup-invalid',
    as: 'stranger',
    heading: 'This set-up link is no longer valid',
    status: 401,
    open: (me) => me.visit('/setup/nonsense'),
  },
  {
    name: 'signed-out',
    as: 'stranger',
    heading: 'You are signed out',
    open: (me) => me.visit('/sign-out'),
  },
  {
    name: 'error-404',
    as: 'stranger',
    heading: 'Page not found',
    status: 404,
    open: (me) => me.visit('/nothing/here'),
  },
  {
    name: 'error-403',
    as: 'person',
    heading: 'This form has expired',
    status: 403,
    async open(me) {
      await me.visit('/sign-out')
      await invalidateToken(me)
      await me.page.getByRole('main').getByRole('button', { name: 'Sign out' }).click()
    },
  },
  {
    name: 'error-500',
    as: 'stranger',
    heading: 'Something went wrong',
    status: 500,
    async open(me, world) {
      const email = await registered(world)
      const link = linkIn(await world.mailbox.emailTo(email), /verify-email/)
      const asOwner = (statement: RawBuilder<unknown>) =>
        world.db.tx('system', async (tx) => {
          await sql`reset role`.execute(tx)
          await statement.execute(tx)
        })
      await asOwner(sql`revoke select on links from latchkey_system`)
      try {
        await me.page.goto(link)
      } finally {
        await asOwner(sql`grant select on links to latchkey_system`)
      }
    },
  },
  {
    name: 'docs',
    as: 'stranger',
    heading: 'Latchkey API (v1)',
    async open(me) {
      await me.visit('/api/docs')
      await me.page.locator('#operations').waitFor({ state: 'hidden' })
    },
  },
  {
    name: 'outbox',
    as: 'stranger',
    heading: 'Outbox',
    async open(me, world) {
      await world.mailbox.emailTo(await registered(world))
      await me.visit('/dev/outbox')
    },
  },
  { name: 'account', as: 'person', heading: 'Your account', open: (me) => me.visit('/account') },
  {
    name: 'account-saved',
    as: 'person',
    heading: 'Your account',
    async open(me) {
      await me.visit('/account')
      await me.fill({ 'Full name (optional)': 'Ada Lovelace', 'Username (optional)': 'ada.lovelace' })
      await me.press('Save profile')
    },
  },
  {
    name: 'account-refused',
    as: 'person',
    heading: 'Your account',
    status: 400,
    async open(me) {
      await me.visit('/account')
      await me.fill({ 'Username (optional)': 'a b' })
      await me.press('Save profile')
    },
  },
  { name: 'security', as: 'person', heading: 'Security', open: (me) => me.visit('/account/security') },
  {
    name: 'security-open',
    as: 'person',
    heading: 'Security',
    open: (me) => me.visit('/account/security?open=recovery'),
  },
  {
    name: 'change-password',
    as: 'person',
    heading: 'Change your password',
    open: (me) => me.visit('/account/security/password'),
  },
  {
    name: 'change-password-refused',
    as: 'person',
    heading: 'Change your password',
    status: 401,
    async open(me) {
      await me.visit('/account/security/password')
      await me.fill({
        'Current password': 'wrong',
        'New password': 'short',
        'Repeat the new password': 'short',
      })
      await me.press('Change password')
    },
  },
  {
    name: 'passkeys',
    as: 'person',
    heading: 'Passkeys',
    open: (me) => me.visit('/account/security/passkeys'),
  },
  {
    name: 'passkeys-new',
    as: 'person',
    heading: 'Add a passkey',
    open: (me) => me.visit('/account/security/passkeys/new'),
  },
  {
    name: 'sessions',
    as: 'person',
    heading: 'Sessions',
    open: (me) => me.visit('/account/sessions?ended=one'),
  },
  {
    name: 'delete-account',
    as: 'person',
    heading: 'Delete your account?',
    open: (me) => me.visit('/account/delete'),
  },
  { name: 'sign-out', as: 'person', heading: 'Sign out?', open: (me) => me.visit('/sign-out') },
  {
    name: 'error-404-signed-in',
    as: 'person',
    heading: 'Page not found',
    status: 404,
    open: (me) => me.visit('/nothing/here'),
  },
  {
    name: 'password-expired',
    as: 'expired',
    heading: 'Your password has expired',
    open: (me) => me.visit('/sign-in/new-password'),
  },
  ...FACTOR_STATES,
  ...SETUP_STATES,
]
