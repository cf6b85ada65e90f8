/** Texts of the page of an invitation, for the invited person. */
import { texts } from '../../../base/page/index.ts'

export const invitedText = texts({
  en: {
    'invitation.title': 'You are invited',
    'invitation.lead': '{inviter} invites you to the organization {organization}.',
    'invitation.lead_unnamed': 'You are invited to the organization {organization}.',
    'invitation.for': 'For',
    'invitation.role': 'Your role',
    'invitation.until': 'Valid until',
    'invitation.accept': 'Accept invitation',
    'invitation.decline': 'Decline',
    'invitation.sign_in_lead': 'Sign in to accept, or create an account with this address first.',
    'invitation.sign_in': 'Sign in',
    'invitation.sign_up': 'Create an account',
    'invitation.other': 'You are signed in with another account. The invitation is for {address}.',
    'invitation.other_button': 'Sign out and continue',
    'invitation.account': 'Go to your account',
    'invalid.title': 'This invitation is no longer valid',
    'invalid.title_expired': 'This invitation has expired',
    'invalid.lead':
      'It was accepted, declined or revoked, or a newer e-mail was sent. If you still need an invitation, ask the person who invited you for a new one.',
    'invalid.lead_expired': 'Ask the person who invited you to send it again.',
    'invalid.organizations': 'Go to your organizations',
    'invalid.sign_in': 'Go to sign-in',
    'refused.joined': 'You are a member of this organization already.',
    'declined.title': 'Invitation declined',
    'declined.lead':
      'You do not need to do anything else. If you declined by mistake, ask for a new invitation.',
  },
  de: {
    'invitation.title': 'Sie sind eingeladen',
    'invitation.lead': '{inviter} lädt Sie in die Organisation {organization} ein.',
    'invitation.lead_unnamed': 'Sie sind in die Organisation {organization} eingeladen.',
    'invitation.for': 'Für',
    'invitation.role': 'Ihre Rolle',
    'invitation.until': 'Gültig bis',
    'invitation.accept': 'Einladung annehmen',
    'invitation.decline': 'Ablehnen',
    'invitation.sign_in_lead':
      'Melden Sie sich an, um anzunehmen, oder legen Sie zuerst ein Konto mit dieser Adresse an.',
    'invitation.sign_in': 'Anmelden',
    'invitation.sign_up': 'Konto anlegen',
    'invitation.other': 'Sie sind mit einem anderen Konto angemeldet. Die Einladung ist für {address}.',
    'invitation.other_button': 'Abmelden und fortfahren',
    'invitation.account': 'Zu Ihrem Konto',
    'invalid.title': 'Diese Einladung gilt nicht mehr',
    'invalid.title_expired': 'Diese Einladung ist abgelaufen',
    'invalid.lead':
      'Sie wurde angenommen, abgelehnt oder widerrufen, oder es wurde eine neuere E-Mail gesendet. Wenn Sie noch eine Einladung brauchen, bitten Sie die Person, die Sie eingeladen hat, um eine neue.',
    'invalid.lead_expired': 'Bitten Sie die Person, die Sie eingeladen hat, sie erneut zu senden.',
    'invalid.organizations': 'Zu Ihren Organisationen',
    'invalid.sign_in': 'Zur Anmeldung',
    'refused.joined': 'Sie sind bereits Mitglied dieser Organisation.',
    'declined.title': 'Einladung abgelehnt',
    'declined.lead':
      'Sie müssen nichts weiter tun. Wenn Sie versehentlich abgelehnt haben, bitten Sie um eine neue Einladung.',
  },
})
