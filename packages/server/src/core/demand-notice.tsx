/**
 * The notice on a user's pages that second factors are required which the user has not set up: by whom, until when, and
 * where to set one up. Leaves out a demand that nothing on this server can meet.
 */
import { type Demand, type EnrollableKind, enrollableFor, isDue, isEnrolled } from '../base/assurance.ts'
import type { Call } from '../base/call.ts'
import { texts, useUi } from '../base/page/index.ts'
import { Actions, Alert, ButtonLink, Time } from '../base/page/parts.tsx'
import { findProvenOrganizations } from './account-proof.ts'
import { findSignInFacts } from './factors/index.ts'
import type { Tools } from './tools.ts'

const t = texts({
  en: {
    'until.any': '{who} requires a passkey or an authenticator app by {time}.',
    'until.totp': '{who} requires an authenticator app by {time}.',
    'until.passkey': '{who} requires a passkey by {time}.',
    'due.any': '{who} requires a passkey or an authenticator app from now on.',
    'due.totp': '{who} requires an authenticator app from now on.',
    'due.passkey': '{who} requires a passkey from now on.',
    'add.totp': 'Set up an app',
    'add.passkey': 'Add a passkey',
  },
  de: {
    'until.any': '{who} verlangt bis {time} einen Passkey oder eine Authenticator-App.',
    'until.totp': '{who} verlangt bis {time} eine Authenticator-App.',
    'until.passkey': '{who} verlangt bis {time} einen Passkey.',
    'due.any': '{who} verlangt ab sofort einen Passkey oder eine Authenticator-App.',
    'due.totp': '{who} verlangt ab sofort eine Authenticator-App.',
    'due.passkey': '{who} verlangt ab sofort einen Passkey.',
    'add.totp': 'App einrichten',
    'add.passkey': 'Passkey hinzufügen',
  },
})

export interface OpenDemand {
  /** The organization; the server's name where the server, an administrator or a role requires it. */
  by: string
  /** What would meet it, one at least. */
  kinds: readonly EnrollableKind[]
  /** Null where it is due. */
  dueAt: Date | null
}

/** Demands shown at most; the others are as urgent as the last of them, or less. */
const MOST = 3

/** @param organizationId only the demand of this organization; default: every demand on the user, the earliest first, that the session may know of */
export async function findOpenDemands(
  { config, db }: Pick<Tools, 'config' | 'db'>,
  call: Call,
  organizationId?: string,
): Promise<OpenDemand[]> {
  const userId = call.principal?.userId
  if (userId === undefined) return []
  const seen = await findProvenOrganizations(db.hot, call.session)
  return await db.tx('system', async (tx) => {
    const { demands, factors, offered } = await findSignInFacts({ config }, tx, userId, call.now)
    const open = demands
      .filter((demand) => !isEnrolled(demand, factors) && enrollableFor(demand, offered).length > 0)
      .filter((demand) => organizationId === undefined || demand.organizationId === organizationId)
      .filter(
        (demand) => seen === null || demand.organizationId === null || seen.includes(demand.organizationId),
      )
      .sort((one, other) => timeOf(one) - timeOf(other))
    // of those without an organization the most urgent one says all
    const shown = open
      .filter((demand, n) => open.findIndex((one) => isOfSame(one, demand)) === n)
      .slice(0, MOST)
    const ids = shown.flatMap((demand) => demand.organizationId ?? [])
    const named =
      ids.length === 0
        ? []
        : await tx.selectFrom('organizations').select(['id', 'name']).where('id', 'in', ids).execute()
    return shown.map((demand) => ({
      by: named.find(({ id }) => id === demand.organizationId)?.name ?? config.brandName,
      kinds: enrollableFor(demand, offered),
      dueAt: isDue(demand, call.now) ? null : demand.dueAt,
    }))
  })
}

const timeOf = ({ dueAt }: Demand): number => dueAt?.getTime() ?? 0
const isOfSame = (one: Demand, other: Demand): boolean => one.organizationId === other.organizationId

const PAGES: Readonly<Record<EnrollableKind, string>> = {
  passkey: '/account/security/passkeys/new',
  totp: '/account/security/totp',
}

/** Nothing without demands. */
export function DemandNotice({ demands }: { demands: readonly OpenDemand[] }) {
  const { locale } = useUi()
  const kinds = Object.keys(PAGES) as EnrollableKind[]
  const meetAll = kinds.filter((kind) => demands.every((demand) => demand.kinds.includes(kind)))
  const offered =
    meetAll.length > 0
      ? meetAll
      : kinds.filter((kind) => demands.some((demand) => demand.kinds.includes(kind)))
  if (demands.length === 0) return null
  return (
    <Alert kind="info">
      {demands.map((demand) => (
        <p key={demand.by}>{sentence(demand)}</p>
      ))}
      <Actions>
        {offered.map((kind) => (
          <ButtonLink key={kind} href={PAGES[kind]} kind="secondary">
            {t(locale, `add.${kind}`)}
          </ButtonLink>
        ))}
      </Actions>
    </Alert>
  )

  function sentence({ by: who, kinds, dueAt }: OpenDemand) {
    const what = kinds.length > 1 ? 'any' : (kinds[0] ?? 'any')
    return dueAt === null
      ? t(locale, `due.${what}`, { who })
      : t.nodes(locale, `until.${what}`, { who, time: <Time at={dueAt} to="day" /> })
  }
}
