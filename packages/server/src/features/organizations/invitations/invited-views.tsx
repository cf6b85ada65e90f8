/** The pages of an invitation, for a visitor with its link. Presentation only. */
import type { ComponentChildren } from 'preact'
import { ButtonForm } from '../../../base/page/form.tsx'
import { useUi } from '../../../base/page/index.ts'
import {
  Actions,
  Alert,
  ButtonLink,
  Card,
  Definition,
  DefinitionList,
  LinkRow,
  Time,
} from '../../../base/page/parts.tsx'
import { roleName } from '../../access/roles/index.ts'
import { invitedText as t } from './invited-texts.ts'

export interface InvitationProps {
  id: string
  token: string
  organization: string
  inviter: string | null
  email: string
  role: string
  expiresAt: Date
  next: 'accept' | 'sign_in' | 'other_account'
  alert?: string | null
}

/** /invitations/:id */
export function Invitation(props: InvitationProps) {
  const { id, token, organization, inviter, role, next, alert } = props
  const { locale } = useUi()
  const email = next === 'other_account' ? masked(props.email) : props.email
  const names = { organization: <strong>{organization}</strong>, inviter: <strong>{inviter}</strong> }
  return (
    <Card
      sign="people"
      title={t(locale, 'invitation.title')}
      lead={t.nodes(locale, inviter ? 'invitation.lead' : 'invitation.lead_unnamed', names)}
    >
      {alert ? <Alert kind="error">{alert}</Alert> : null}
      <DefinitionList>
        <Definition term={t(locale, 'invitation.role')}>{roleName(locale, role)}</Definition>
        <Definition term={t(locale, 'invitation.for')}>{email}</Definition>
        <Definition term={t(locale, 'invitation.until')}>
          <Time at={props.expiresAt} />
        </Definition>
      </DefinitionList>
      <NextStep {...props} email={email} />
      {next === 'other_account' ? null : (
        <ButtonForm
          action={`/invitations/${encodeURIComponent(id)}/decline`}
          kind="link"
          hidden={{ token }}
          label={t(locale, 'invitation.decline')}
        />
      )}
    </Card>
  )
}

/** The next step of the visitor. */
function NextStep({ id, token, next, email }: InvitationProps) {
  const { locale } = useUi()
  const place = `/invitations/${encodeURIComponent(id)}`
  const here = `${place}?${new URLSearchParams({ token })}`
  const onward = new URLSearchParams({ return_to: here, email })
  switch (next) {
    case 'accept':
      return (
        <ButtonForm
          action={`${place}/accept`}
          kind="primary"
          hidden={{ token }}
          label={t(locale, 'invitation.accept')}
        />
      )
    case 'sign_in':
      return (
        <>
          <p class="lead">{t(locale, 'invitation.sign_in_lead')}</p>
          <Actions>
            <ButtonLink href={`/sign-in?${onward}`}>{t(locale, 'invitation.sign_in')}</ButtonLink>
            <ButtonLink href={`/sign-up?${onward}`} kind="secondary">
              {t(locale, 'invitation.sign_up')}
            </ButtonLink>
          </Actions>
        </>
      )
    case 'other_account':
      return (
        <>
          <Lead>{t.nodes(locale, 'invitation.other', { address: <strong>{email}</strong> })}</Lead>
          <ButtonForm
            action="/sign-out"
            kind="primary"
            returnTo={here}
            label={t(locale, 'invitation.other_button')}
          />
          <LinkRow>
            <a href="/account">{t(locale, 'invitation.account')}</a>
          </LinkRow>
        </>
      )
  }
}

const Lead = ({ children }: { children: ComponentChildren }) => <p class="lead">{children}</p>

/** The address masked: a person who knows it recognises it. */
function masked(email: string): string {
  const [local = '', domain = ''] = email.split(/@(?=[^@]*$)/)
  return `${[...local][0] ?? ''}•••@${domain}`
}

/** For a link that is used, revoked or unknown. */
export function InvitationInvalid({ expired }: { expired: boolean }) {
  const { locale, signedIn } = useUi()
  return (
    <Card
      sign="link"
      title={t(locale, expired ? 'invalid.title_expired' : 'invalid.title')}
      lead={t(locale, expired ? 'invalid.lead_expired' : 'invalid.lead')}
    >
      <ButtonLink href={signedIn ? '/account/organizations' : '/sign-in'} kind="secondary">
        {t(locale, signedIn ? 'invalid.organizations' : 'invalid.sign_in')}
      </ButtonLink>
    </Card>
  )
}

/** After a visitor who is not signed in has declined. */
export function InvitationDeclined() {
  const { locale } = useUi()
  return <Card sign="done" title={t(locale, 'declined.title')} lead={t(locale, 'declined.lead')} />
}
