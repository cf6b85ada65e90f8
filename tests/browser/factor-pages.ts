/** The hosted pages of second factors in their states: proving one, setting one up, and an organization's policy. */
import { enrolAuthenticator } from '../../packages/server/src/testing/authenticator-app.ts'
import { PASSWORD, type Person, type World } from '../../packages/server/src/testing/world.ts'
import type { PageState } from './pages.ts'
import type { Visitor } from './visitor.ts'

const MONTH = 30 * 86_400_000

/** An organization that has required a second factor of its member for longer than the days of grace. */
export async function overdueOrganization(world: World, member: Pick<Person, 'id'>): Promise<string> {
  const id = await world.organization({ name: 'Strict', members: [[member, 'owner']] })
  const joined_at = new Date(world.clock.now().getTime() - MONTH)
  await world.db.tx('system', (tx) =>
    tx
      .updateTable('memberships')
      .set({ mfa: 'required', joined_at })
      .where('organization_id', '=', id)
      .execute(),
  )
  return id
}

async function signInWithApp(me: Visitor, world: World): Promise<void> {
  const { client, email } = await world.person()
  await enrolAuthenticator(world, client)
  await me.signIn(email)
  await me.page.waitForURL('**/second-factor')
}

async function signInOverdue(me: Visitor, world: World): Promise<void> {
  const person = await world.person({ signIn: false })
  await overdueOrganization(world, person)
  await me.signIn(person.email)
  await me.page.waitForURL('**/second-factor/enrol')
}

/** Signs in first, so that the organization is refused to a session. */
async function openOverdue(me: Visitor, world: World): Promise<void> {
  const person = await world.person({ signIn: false })
  await me.signIn(person.email)
  await me.page.waitForURL('**/account')
  const id = await overdueOrganization(world, person)
  await me.visit(`/account/organizations/${id}`)
  await me.page.waitForURL('**/step-up/enrol')
}

/** Signs in, and sends a form that then needs a recent proof: the session's is an hour old. @returns the person's id */
async function sendHeldForm(me: Visitor, world: World): Promise<string> {
  const person = await world.person({ signIn: false })
  await me.signIn(person.email)
  await me.page.waitForURL('**/account')
  await me.visit('/account/api-keys')
  await me.fill({ Name: 'Night build' })
  const authenticated_at = new Date(world.clock.now().getTime() - 3_600_000)
  await world.db.tx('system', (tx) =>
    tx.updateTable('sessions').set({ authenticated_at }).where('user_id', '=', person.id).execute(),
  )
  await me.press('Create key')
  await me.page.waitForURL('**/step-up')
  return person.id
}

async function openBackupCodes(me: Visitor, world: World): Promise<void> {
  await signInWithAppCode(me, world)
  await me.visit('/account/security/backup-codes')
}

async function signInWithAppCode(me: Visitor, world: World): Promise<void> {
  const { client, email } = await world.person()
  const app = await enrolAuthenticator(world, client, { backup_codes: true })
  await me.signIn(email)
  await me.page.waitForURL('**/second-factor')
  await me.fill({ Code: await app.next() })
  await me.press('Continue')
  await me.page.waitForURL('**/account')
}

async function openPolicy(me: Visitor, world: World): Promise<void> {
  const person = await world.person({ signIn: false })
  const id = await world.organization({ members: [[person, 'owner']] })
  await me.signIn(person.email)
  await me.page.waitForURL('**/account')
  await me.visit(`/account/organizations/${id}/security`)
}

export const FACTOR_STATES: readonly PageState[] = [
  {
    name: 'second-factor',
    as: 'stranger',
    heading: 'Confirm that it is you',
    open: signInWithApp,
  },
  {
    name: 'second-factor-wrong',
    as: 'stranger',
    heading: 'Confirm that it is you',
    status: 401,
    async open(me, world) {
      await signInWithApp(me, world)
      await me.fill({ Code: '000000' })
      await me.press('Continue')
    },
  },
  {
    name: 'second-factor-enrol',
    as: 'stranger',
    heading: 'Set up a second factor',
    open: signInOverdue,
  },
  {
    name: 'second-factor-enrol-app',
    as: 'stranger',
    heading: 'Set up a second factor',
    async open(me, world) {
      await signInOverdue(me, world)
      await me.visit('/second-factor/enrol?method=totp')
    },
  },
  {
    name: 'step-up',
    as: 'person',
    heading: 'Confirm that it is you',
    open: (me) => me.visit('/step-up?return_to=%2Faccount%2Fapi-keys'),
  },
  { name: 'step-up-enrol', as: 'stranger', heading: 'Set up a second factor', open: openOverdue },
  {
    name: 'step-up-enrol-app',
    as: 'stranger',
    heading: 'Set up a second factor',
    async open(me, world) {
      await openOverdue(me, world)
      await me.visit('/step-up/enrol?method=totp')
    },
  },
  {
    name: 'step-up-continue',
    as: 'stranger',
    heading: 'Continue where you were',
    async open(me, world) {
      await sendHeldForm(me, world)
      await me.fill({ Password: PASSWORD })
      await me.press('Continue')
      await me.page.waitForURL('**/step-up/continue')
    },
  },
  {
    name: 'step-up-lost',
    as: 'stranger',
    heading: 'Please enter it again',
    async open(me, world) {
      const id = await sendHeldForm(me, world)
      await world.db.tx('system', (tx) =>
        tx
          .updateTable('attempts')
          .set({ finished_at: world.clock.now() })
          .where('user_id', '=', id)
          .where('held_form', 'is not', null)
          .execute(),
      )
      await me.visit('/step-up')
    },
  },
  { name: 'backup-codes', as: 'stranger', heading: 'Backup codes', open: openBackupCodes },
  {
    name: 'backup-codes-saved',
    as: 'stranger',
    heading: 'Save your backup codes',
    async open(me, world) {
      await openBackupCodes(me, world)
      await me.press('Create codes')
    },
  },
  { name: 'security-policy', as: 'stranger', heading: 'Analytical Engines', open: openPolicy },
  {
    name: 'security-policy-review',
    as: 'stranger',
    heading: 'Change the security policy?',
    async open(me, world) {
      await openPolicy(me, world)
      await me.page.getByLabel('Second factor', { exact: true }).selectOption('require_any')
      await me.press('Review change')
    },
  },
]
