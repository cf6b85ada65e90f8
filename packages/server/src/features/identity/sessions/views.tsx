/** View of the page of a user's sessions: device, IP address, times, and a button to end each. Presentation only. */
import type { Locale } from '../../../base/call.ts'
import { type DeviceDescription, deviceName } from '../../../base/http/request/device.ts'
import { ButtonForm } from '../../../base/page/form.tsx'
import { useUi } from '../../../base/page/index.ts'
import { AccountPage, Badge, EmptyState, Item, ItemList, Section, Time } from '../../../base/page/parts.tsx'
import { sessionsText as t } from './texts.ts'

export interface SessionItem {
  id: string
  userAgent: string | null
  ipAddress: string | null
  signedInAt: Date
  lastSeenAt: Date
  remembered?: boolean
  /** The session of this request. */
  current: boolean
}

export interface SessionsProps {
  sessions: readonly SessionItem[]
  /** What the previous form ended: one session, or the number of other sessions. */
  ended?: 'one' | number | null
}

/** /account/sessions */
export function Sessions({ sessions, ended = null }: SessionsProps) {
  const { locale } = useUi()
  const currentSession = sessions.filter((session) => session.current)
  const others = sessions.filter((session) => !session.current)
  return (
    <AccountPage current="sessions" title={t(locale, 'sessions.title')} notice={endedText(locale, ended)}>
      {currentSession.length > 0 ? (
        <Section title={t(locale, 'sessions.here')}>
          <ItemList>
            {currentSession.map((session) => (
              <SessionRow key={session.id} session={session} />
            ))}
          </ItemList>
        </Section>
      ) : null}
      <Section
        title={t(locale, 'sessions.others')}
        lead={others.length > 0 ? t(locale, 'sessions.others_lead') : null}
      >
        {others.length === 0 ? (
          <EmptyState title={t(locale, 'sessions.none')} />
        ) : (
          <ItemList>
            {others.map((session) => (
              <SessionRow key={session.id} session={session} />
            ))}
          </ItemList>
        )}
        {others.length > 1 ? (
          <ButtonForm
            action="/account/sessions/end-others"
            kind="danger"
            label={t(locale, 'sessions.end_others')}
          />
        ) : null}
      </Section>
    </AccountPage>
  )
}

function endedText(locale: Locale, ended: SessionsProps['ended']): string | null {
  if (ended === 'one') return t(locale, 'sessions.ended')
  return typeof ended === 'number' ? t(locale, 'sessions.others_ended', { count: ended }) : null
}

function SessionRow({ session }: { session: SessionItem }) {
  const { locale } = useUi()
  const device = deviceName(session.userAgent)
  const name = deviceText(locale, device)
  return (
    <Item
      icon={<DeviceIcon kind={device.kind} />}
      title={name}
      badge={session.current ? <Badge kind="success">{t(locale, 'sessions.this')}</Badge> : null}
      action={
        session.current ? (
          <ButtonForm action="/sign-out" label={t(locale, 'sessions.sign_out')} />
        ) : (
          <ButtonForm
            action={`/account/sessions/${encodeURIComponent(session.id)}/end`}
            label={t(locale, 'sessions.end')}
            description={t(locale, 'sessions.end_description', { device: name })}
          />
        )
      }
    >
      {session.ipAddress ? <p>{t(locale, 'sessions.ip', { ip: session.ipAddress })}</p> : null}
      <p>
        {session.current
          ? t(locale, 'sessions.now')
          : t.nodes(locale, 'sessions.seen', { time: <Time at={session.lastSeenAt} /> })}
      </p>
      <p>
        {t.nodes(locale, 'sessions.signed_in', { time: <Time at={session.signedInAt} /> })}
        {session.remembered ? ` · ${t(locale, 'sessions.remembered')}` : null}
      </p>
    </Item>
  )
}

function deviceText(locale: Locale, { browser, system }: DeviceDescription): string {
  if (browser && system) return t(locale, 'sessions.device', { browser, system })
  return browser ?? system ?? t(locale, 'sessions.unknown')
}

const SHAPES: Readonly<Record<DeviceDescription['kind'], string>> = {
  computer: 'M4 5.5h16v10H4zM2 19h20',
  phone: 'M7.5 3h9v18h-9zM11 18h2',
  tablet: 'M5 3h14v18H5zM11 18h2',
  program: 'M3.5 5h17v14h-17zM7 9.5l2.5 2.5L7 14.5M12 15h4',
}
const DeviceIcon = ({ kind }: { kind: DeviceDescription['kind'] }) => (
  <svg viewBox="0 0 24 24" aria-hidden="true">
    <path d={SHAPES[kind]} />
  </svg>
)
