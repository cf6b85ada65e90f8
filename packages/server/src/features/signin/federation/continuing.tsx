/** An identity provider as a method that continues an attempt: a step-up, or a sign-in that began with something else. */
import type { Locale } from '../../../base/call.ts'
import type { Statements } from '../../../base/db/types.ts'
import { problem } from '../../../base/errors.ts'
import { ConnectionButtons } from '../../../core/connection-buttons.tsx'
import type { UsableConnection } from '../../../core/connections/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { listIdentities } from '../../identity/identities/index.ts'
import { findOrganizationName } from '../../organizations/policy/index.ts'
import type { Attempt } from '../attempts/index.ts'
import type { ContinuingMethod } from '../second-factor/index.ts'
import { continuationMark, continuingConnections, isRequiredBy } from './continued.ts'
import { federationText as t } from './texts.ts'
import { ConnectFirst, OwnersWay } from './views.tsx'

export const continuingFederation = ({ db, keyring }: Pick<Tools, 'db' | 'keyring'>): ContinuingMethod => ({
  name: 'federation',
  async prove() {
    throw problem('VALIDATION_ERROR', {
      details: [
        {
          field: 'method',
          code: 'elsewhere',
          message:
            'Use `POST auth/external/:provider/continue` with the `attempt`; the provider’s answer continues it.',
        },
      ],
    })
  },
  label: (locale) => t(locale, 'continue.label'),
  panel: async ({ locale }, { attempt, user }) => {
    const connections = await continuingConnections(db.hot, attempt, user.id)
    const unconnected = await listUnconnected(db.hot, attempt, user.id, connections)
    return {
      lead: await leadOf(db.hot, locale, attempt, connections),
      field: 'method',
      wrong: '',
      fields: {},
      body: null,
      // links, because the browser leaves this server: no form of this page may lead there
      links: (
        <>
          <ConnectionButtons
            connections={connections}
            parameters={{
              continue: attempt.stepUp ? 'step_up' : 'sign_in',
              mark: continuationMark(keyring, attempt.id),
            }}
          />
          <ConnectFirst connections={unconnected} returnTo={attempt.after.returnTo} />
        </>
      ),
      ...(attempt.stepUp?.demand.sso?.owner && { below: <OwnersWay /> }),
    }
  },
})

/** Those that an organization requires and the user has not connected: their provider continues for the address of the account alone. */
async function listUnconnected(
  db: Statements,
  attempt: Pick<Attempt, 'stepUp'>,
  userId: string,
  connections: readonly UsableConnection[],
): Promise<UsableConnection[]> {
  const required = connections.filter((one) => isRequiredBy(attempt, one))
  if (required.length === 0) return []
  const connected = new Set((await listIdentities(db, userId)).map(({ connection_id: id }) => id))
  return required.filter(({ id }) => !connected.has(id))
}

/** Which organization requires which sign-in, where one does. */
async function leadOf(
  db: Statements,
  locale: Locale,
  { stepUp }: Pick<Attempt, 'stepUp'>,
  connections: readonly UsableConnection[],
): Promise<string> {
  const { sso, organization: id } = stepUp?.demand ?? {}
  const organization = sso && id !== undefined ? await findOrganizationName(db, id) : null
  if (organization === null) return t(locale, 'continue.lead')
  const names = new Intl.ListFormat(locale, { type: 'disjunction' }).format(
    new Set(connections.map(({ name }) => name)),
  )
  return t(locale, 'continue.required', { organization, connections: names })
}
