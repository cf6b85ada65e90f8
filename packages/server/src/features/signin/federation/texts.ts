/** Texts of signing in by an identity provider. */
import { texts } from '../../../base/page/index.ts'
import type { ProviderFault } from '../../../core/providers/index.ts'

export const federationText = texts({
  en: {
    'failed.title': 'Signing in with {connection} did not work',
    'failed.title_unnamed': 'This sign-in did not work',
    'failed.cancelled': 'The sign-in was cancelled, or {connection} refused it.',
    'failed.ended': 'This sign-in has ended, or it was begun in another browser. Start again.',
    'failed.away':
      '{connection} cannot be reached at the moment. Try again in a few minutes, or sign in another way.',
    'failed.settings': 'Signing in with {connection} is not set up correctly. This is not your fault.',
    'failed.answer': 'The answer of {connection} was not accepted. This is not your fault.',
    'failed.tenant':
      'Your account at {connection} belongs to an organization or domain that is not allowed here. Choose another account, or ask for help.',
    'failed.foreign':
      '{connection} belongs to an organization that you are not a member of, and your verified address here is not of its domains. So it cannot be connected with your account.',
    'failed.unregistered': 'There is no account here for your account at {connection}.',
    'failed.not_connected':
      'This account at {connection} is not connected with your account here. Choose the one that is.',
    'failed.connect_first':
      'This account at {connection} is not connected with your account here. Choose the one that is, or connect this one first.',
    'failed.connect': 'Connect an account',
    'failed.taken':
      'This account at {connection} is connected to another account here. Sign in with it, or choose another account.',
    'failed.not_offered': 'This service does not offer signing in with this provider.',
    'failed.refused': 'Your account here is disabled or locked. Ask an administrator.',
    'ask.service': 'Tell the people who run this service. They find the reason under the reference below.',
    'ask.organization':
      'Ask the administrators of {organization}, and tell them the reference below. They find the reason by it.',
    'ask.organization_help':
      'If this happens again, ask the administrators of {organization}, and tell them the reference below. They find the reason by it.',
    'ask.invitation':
      'Ask the administrators of {organization} to invite you first, and tell them the reference below.',
    'failed.reference': 'Reference: {reference}',
    'failed.again': 'Try again with {connection}',
    'failed.other': 'Sign in another way',
    'failed.confirm': 'Confirm in another way',
    'failed.back': 'Back to your connected accounts',
    'provider.unnamed': 'the provider',
    'owner.title': 'You already have an account',
    'owner.lead':
      'There is an account with the address {email}. Sign in to it once, and then connect it with {connection}: from then on {connection} signs you in.',
    'owner.button': 'Sign in to connect',
    'question.other_account': 'Use another account at {connection}',
    'account.title': 'Welcome',
    'account.lead':
      'You have signed in at {connection} as {name}. There is no account here yet that is connected with it.',
    'account.new': 'Create an account',
    'account.new_lead': 'You get an e-mail to confirm the address.',
    'account.email': 'E-mail',
    'account.email_hint_domain':
      'An address of {organization}. If you have none, ask its administrators to invite you.',
    'account.create': 'Create account',
    'account.waiting':
      'The address {address} is not confirmed yet: open the link in our e-mail. If it did not arrive, send it again, or enter another address.',
    'account.again': 'Send e-mail',
    'account.have': 'I already have an account',
    'account.have_lead': 'Sign in to it once, and then connect it with {connection}.',
    'account.have_button': 'Sign in to connect',
    'account.none':
      '{connection} does not create accounts here. If you have one, sign in to it and connect it.',
    'account.none_domain':
      'The address {email} is not of a domain of {organization}, so no account is created. If you have one, sign in to it and connect it.',
    'account.ask':
      'If you have none, ask the administrators of {organization} to invite you, or use another account at {connection}.',
    'confirm.title': 'Connect {connection}?',
    'confirm.lead': 'From now on this account at {connection} signs in to your account here.',
    'confirm.theirs': 'Account at {connection}',
    'confirm.ours': 'Your account here',
    'confirm.organization': 'Organization',
    'confirm.organization_decides':
      '{connection} is run by {organization}. Its administrators decide who signs in by it, and could sign in to your account too. Connect it only if you trust them with that.',
    'confirm.button': 'Connect',
    'confirm.done': '{connection} is connected with your account.',
    'sign_in.title': 'Sign in as {theirs}?',
    'sign_in.lead':
      'You are signed in as {ours}. {connection} of the organization {organization} signs you in as {theirs} instead.',
    'sign_in.lead_other':
      'A link on another website has started this sign-in. {connection} of the organization {organization} signs you in as {theirs}.',
    'sign_in.warning':
      'If you did not start this sign-in, do not continue: the account may belong to another person, who would see what you enter there.',
    'sign_in.button': 'Sign in as {theirs}',
    'sign_in.stay': 'Stay signed in as {ours}',
    'sign_in.decline': 'Do not sign in',
    'gone.title': 'This page has expired',
    'gone.lead':
      'It was used already, too much time has passed, or you have signed in or out since. Start again.',
    'gone.button': 'Sign in',
    'post.title': 'Continue to {connection}',
    'post.lead': 'If nothing happens, press the button.',
    'post.button': 'Continue',
    'continue.label': 'With a connected account',
    'continue.lead': 'Sign in once more with an account that is connected to yours.',
    'continue.required': '{organization} requires that you sign in with {connections}.',
    'continue.connect': 'Connect your account at {connection}',
    'continue.owner':
      'As an owner you can use your password or a passkey together with a second factor instead, also when the provider fails. You set one up under {link}; it counts 24 hours later.',
    'continue.owner_link': 'Security',
    'email.domain':
      'This address is not of a domain of the organization. Enter another one, or ask its administrators to invite you.',
  },
  de: {
    'failed.title': 'Die Anmeldung mit {connection} hat nicht geklappt',
    'failed.title_unnamed': 'Diese Anmeldung hat nicht geklappt',
    'failed.cancelled': 'Die Anmeldung wurde abgebrochen, oder {connection} hat sie abgelehnt.',
    'failed.ended':
      'Diese Anmeldung ist beendet, oder sie wurde in einem anderen Browser begonnen. Beginnen Sie von vorn.',
    'failed.away':
      '{connection} ist im Moment nicht erreichbar. Versuchen Sie es in einigen Minuten wieder, oder melden Sie sich anders an.',
    'failed.settings':
      'Die Anmeldung mit {connection} ist nicht richtig eingerichtet. Das liegt nicht an Ihnen.',
    'failed.answer': 'Die Antwort von {connection} wurde nicht angenommen. Das liegt nicht an Ihnen.',
    'failed.tenant':
      'Ihr Konto bei {connection} gehört zu einer Organisation oder Domain, die hier nicht zugelassen ist. Wählen Sie ein anderes Konto, oder bitten Sie um Hilfe.',
    'failed.foreign':
      '{connection} gehört zu einer Organisation, in der Sie nicht Mitglied sind, und Ihre bestätigte Adresse hier gehört zu keiner ihrer Domains. Deshalb kann es nicht mit Ihrem Konto verbunden werden.',
    'failed.unregistered': 'Zu Ihrem Konto bei {connection} gibt es hier kein Konto.',
    'failed.not_connected':
      'Dieses Konto bei {connection} ist nicht mit Ihrem Konto hier verbunden. Wählen Sie das verbundene.',
    'failed.connect_first':
      'Dieses Konto bei {connection} ist nicht mit Ihrem Konto hier verbunden. Wählen Sie das verbundene, oder verbinden Sie dieses zuerst.',
    'failed.connect': 'Ein Konto verbinden',
    'failed.taken':
      'Dieses Konto bei {connection} ist hier mit einem anderen Konto verbunden. Melden Sie sich damit an, oder wählen Sie ein anderes.',
    'failed.not_offered': 'Dieser Dienst bietet die Anmeldung mit diesem Anbieter nicht an.',
    'failed.refused': 'Ihr Konto hier ist deaktiviert oder gesperrt. Fragen Sie die Administration.',
    'ask.service':
      'Wenden Sie sich an den Betreiber dieses Dienstes, der den Grund unter der Referenz unten findet.',
    'ask.organization':
      'Wenden Sie sich an die Administration von {organization}, und nennen Sie ihr die Referenz unten. Darunter findet sie den Grund.',
    'ask.organization_help':
      'Wenn es wieder geschieht, wenden Sie sich an die Administration von {organization}, und nennen Sie ihr die Referenz unten. Darunter findet sie den Grund.',
    'ask.invitation':
      'Bitten Sie zuerst die Administration von {organization} um eine Einladung, und nennen Sie ihr die Referenz unten.',
    'failed.reference': 'Referenz: {reference}',
    'failed.again': 'Noch einmal mit {connection}',
    'failed.other': 'Anders anmelden',
    'failed.confirm': 'Anders bestätigen',
    'failed.back': 'Zurück zu Ihren verbundenen Konten',
    'provider.unnamed': 'dem Anbieter',
    'owner.title': 'Sie haben bereits ein Konto',
    'owner.lead':
      'Es gibt ein Konto mit der Adresse {email}. Melden Sie sich einmal an diesem Konto an, und verbinden Sie es dann mit {connection}: Danach melden Sie sich mit {connection} an.',
    'owner.button': 'Anmelden und verbinden',
    'question.other_account': 'Anderes Konto bei {connection} verwenden',
    'account.title': 'Willkommen',
    'account.lead':
      'Sie haben sich bei {connection} als {name} angemeldet. Damit ist hier noch kein Konto verbunden.',
    'account.new': 'Konto anlegen',
    'account.new_lead': 'Sie erhalten eine E-Mail, um die Adresse zu bestätigen.',
    'account.email': 'E-Mail',
    'account.email_hint_domain':
      'Eine Adresse von {organization}. Wenn Sie keine haben, bitten Sie die Administration dort um eine Einladung.',
    'account.create': 'Konto anlegen',
    'account.waiting':
      'Die Adresse {address} ist noch nicht bestätigt: Öffnen Sie den Link in unserer E-Mail. Ist sie nicht angekommen, senden Sie sie noch einmal, oder geben Sie eine andere Adresse ein.',
    'account.again': 'E-Mail senden',
    'account.have': 'Ich habe schon ein Konto',
    'account.have_lead': 'Melden Sie sich einmal daran an, und verbinden Sie es dann mit {connection}.',
    'account.have_button': 'Anmelden und verbinden',
    'account.none':
      'Mit {connection} werden hier keine Konten angelegt. Wenn Sie eines haben, melden Sie sich daran an, und verbinden Sie es.',
    'account.none_domain':
      'Die Adresse {email} gehört zu keiner Domain von {organization}, deshalb wird kein Konto angelegt. Wenn Sie eines haben, melden Sie sich daran an, und verbinden Sie es.',
    'account.ask':
      'Wenn Sie keines haben, bitten Sie die Administration von {organization} um eine Einladung, oder verwenden Sie ein anderes Konto bei {connection}.',
    'confirm.title': '{connection} verbinden?',
    'confirm.lead': 'Ab jetzt kann man sich mit diesem Konto bei {connection} an Ihrem Konto hier anmelden.',
    'confirm.theirs': 'Konto bei {connection}',
    'confirm.ours': 'Ihr Konto hier',
    'confirm.organization': 'Organisation',
    'confirm.organization_decides':
      '{connection} wird von {organization} betrieben. Wer den Anbieter dort verwaltet, entscheidet, wer sich darüber anmeldet, und könnte sich auch an Ihrem Konto anmelden. Verbinden Sie ihn nur, wenn Sie der Organisation darin vertrauen.',
    'confirm.button': 'Verbinden',
    'confirm.done': '{connection} ist mit Ihrem Konto verbunden.',
    'sign_in.title': 'Als {theirs} anmelden?',
    'sign_in.lead':
      'Sie sind als {ours} angemeldet. Mit {connection} der Organisation {organization} melden Sie sich stattdessen als {theirs} an.',
    'sign_in.lead_other':
      'Ein Link auf einer anderen Website hat diese Anmeldung begonnen. Mit {connection} der Organisation {organization} melden Sie sich als {theirs} an.',
    'sign_in.warning':
      'Wenn Sie diese Anmeldung nicht begonnen haben, fahren Sie nicht fort: Das Konto gehört vielleicht einer anderen Person, die sieht, was Sie dort eingeben.',
    'sign_in.button': 'Als {theirs} anmelden',
    'sign_in.stay': 'Als {ours} angemeldet bleiben',
    'sign_in.decline': 'Nicht anmelden',
    'gone.title': 'Diese Seite ist abgelaufen',
    'gone.lead':
      'Sie wurde schon benutzt, es ist zu viel Zeit vergangen, oder Sie haben sich seitdem an- oder abgemeldet. Beginnen Sie von vorn.',
    'gone.button': 'Anmelden',
    'post.title': 'Weiter zu {connection}',
    'post.lead': 'Wenn nichts geschieht, drücken Sie auf den Knopf.',
    'post.button': 'Weiter',
    'continue.label': 'Mit einem verbundenen Konto',
    'continue.lead': 'Melden Sie sich noch einmal mit einem Konto an, das mit Ihrem verbunden ist.',
    'continue.required': '{organization} verlangt, dass Sie sich mit {connections} anmelden.',
    'continue.connect': 'Ihr Konto bei {connection} verbinden',
    'continue.owner':
      'Als Inhaber können Sie stattdessen Ihr Passwort oder einen Passkey zusammen mit einem zweiten Faktor benutzen, auch wenn der Anbieter ausfällt. Einen zweiten Faktor richten Sie unter {link} ein; er zählt 24 Stunden später.',
    'continue.owner_link': 'Sicherheit',
    'email.domain':
      'Diese Adresse gehört zu keiner Domain der Organisation. Geben Sie eine andere ein, oder bitten Sie die Administration dort um eine Einladung.',
  },
})

/** Whom users ask about a failure, by the text about it: at a connection of the server, and of an organization. */
export const ASKED: Readonly<
  Partial<
    Record<
      (typeof FAILURES)[ProviderFault],
      {
        server?: 'ask.service'
        organization: 'ask.organization' | 'ask.organization_help' | 'ask.invitation'
      }
    >
  >
> = {
  'failed.settings': { server: 'ask.service', organization: 'ask.organization' },
  'failed.answer': { server: 'ask.service', organization: 'ask.organization' },
  'failed.tenant': { server: 'ask.service', organization: 'ask.organization' },
  'failed.unregistered': { organization: 'ask.organization' },
  'failed.foreign': { organization: 'ask.invitation' },
  'failed.away': { organization: 'ask.organization_help' },
  'failed.cancelled': { organization: 'ask.organization_help' },
}

/** The text that users read about a fault; its sentence for administrators is in the diagnostics. */
export const FAILURES = {
  unknown_state: 'failed.ended',
  other_browser: 'failed.ended',
  expired: 'failed.ended',
  replayed: 'failed.ended',
  denied: 'failed.cancelled',
  provider_error: 'failed.away',
  unreachable: 'failed.away',
  address_refused: 'failed.settings',
  not_json: 'failed.answer',
  bad_answer: 'failed.answer',
  bad_settings: 'failed.settings',
  client_refused: 'failed.settings',
  redirect_refused: 'failed.settings',
  scope_refused: 'failed.settings',
  wrong_issuer: 'failed.answer',
  wrong_audience: 'failed.answer',
  wrong_signature: 'failed.answer',
  wrong_nonce: 'failed.answer',
  wrong_time: 'failed.answer',
  wrong_recipient: 'failed.answer',
  wrong_request: 'failed.answer',
  unsolicited: 'failed.answer',
  unsafe_document: 'failed.answer',
  certificate_expired: 'failed.answer',
  encryption: 'failed.answer',
  no_subject: 'failed.answer',
  tenant_refused: 'failed.tenant',
  domain_refused: 'failed.foreign',
  not_registered: 'failed.unregistered',
  not_connected: 'failed.not_connected',
  taken: 'failed.taken',
  not_offered: 'failed.not_offered',
  user_refused: 'failed.refused',
} as const satisfies Record<ProviderFault, string>
