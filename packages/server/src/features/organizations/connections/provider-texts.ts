/** Texts of providers: where a connection is registered at each, and what the faults of their answers mean. */
import { texts } from '../../../base/page/index.ts'
import { CONNECTION_QUESTIONS, type ConnectionQuestion } from '../../../core/connection-events.ts'
import { PROVIDER_FAULTS, type ProviderFault } from '../../../core/providers/index.ts'

type FaultKey = `fault.${ProviderFault}`
type QuestionKey = `question.${ConnectionQuestion}`
const FAULTS = Object.fromEntries(
  Object.entries(PROVIDER_FAULTS).map(([code, text]) => [`fault.${code}`, text]),
) as { readonly [K in FaultKey]: string }
const QUESTIONS = Object.fromEntries(
  Object.entries(CONNECTION_QUESTIONS).map(([code, text]) => [`question.${code}`, text]),
) as { readonly [K in QuestionKey]: string }

export const providerText = texts({
  en: {
    ...FAULTS,
    ...QUESTIONS,
    'fault.detail': 'In detail: {detail}',
    'steps.google':
      'In the Google Cloud console, open “APIs & Services”, “Credentials”, and create an OAuth client ID of the type “Web application” with this authorized redirect URI.',
    'steps.microsoft':
      'In the Microsoft Entra admin center, open “App registrations”, create a registration with this redirect URI of the type “Web”, and add a client secret.',
    'steps.github':
      'At GitHub, open “Settings”, “Developer settings”, “OAuth Apps”, and register an app with this authorization callback URL.',
    'steps.apple':
      'In the Apple developer portal, create a Services ID with this return URL, and a key for Sign in with Apple.',
    'steps.gitlab':
      'In GitLab, open “Applications” and add one with this redirect URI and the scopes openid, email and profile.',
    'steps.discord':
      'In the Discord developer portal, create an application, and add this URL under “OAuth2”, “Redirects”.',
    'steps.slack':
      'At api.slack.com/apps, create an app, and add this URL under “OAuth & Permissions”, “Redirect URLs”.',
    'steps.linkedin':
      'In the LinkedIn developer portal, create an app with “Sign In with LinkedIn using OpenID Connect”, and add this redirect URL.',
    'steps.facebook':
      'In Meta for Developers, create an app with Facebook Login, and add this valid OAuth redirect URI.',
    'steps.x':
      'In the X developer portal, set up user authentication of the type “Web App”, with this callback URI.',
    'steps.twitch': 'In the Twitch developer console, register an application with this OAuth redirect URL.',
    'steps.okta':
      'In the Okta admin console, create an app integration of the type “OIDC”, “Web Application”, with this sign-in redirect URI.',
    'steps.auth0':
      'In the Auth0 dashboard, create an application of the type “Regular Web Application”, and add this allowed callback URL.',
    'steps.keycloak':
      'In the admin console of Keycloak, create a client of the type OpenID Connect with client authentication and this valid redirect URI.',
    'steps.entra':
      'In the Microsoft Entra admin center, create an app registration of your tenant with this redirect URI of the type “Web”, and add a client secret.',
    'steps.oidc':
      'Create a confidential client for the authorization code flow at the provider, with this redirect URI.',
    'steps.saml':
      'Create an application for SAML 2.0 at the identity provider with these addresses, or import the metadata.',
  },
  de: {
    'fault.detail': 'Im Einzelnen (englisch): {detail}',
    'fault.unknown_state':
      'Die Antwort gehört zu keiner Anmeldung, die hier begonnen wurde, oder zu einer anderen Verbindung.',
    'fault.other_browser': 'Die Antwort kam in einem anderen Browser als dem, in dem die Anmeldung begann.',
    'fault.expired': 'Die Anmeldung wurde vor mehr als 15 Minuten begonnen.',
    'fault.replayed': 'Die Antwort wurde schon verwendet.',
    'fault.denied': 'Die Person oder der Anbieter hat die Anmeldung abgelehnt.',
    'fault.provider_error': 'Der Anbieter antwortete mit einem Fehler.',
    'fault.unreachable': 'Der Anbieter war nicht erreichbar oder antwortete nicht rechtzeitig.',
    'fault.address_refused':
      'Diese Adresse ruft der Server nicht ab: Sie ist nicht https, oder sie liegt in einem privaten Netz, und der Betreiber des Servers hat ihren Host nicht zugelassen.',
    'fault.not_json':
      'Die Antwort des Anbieters ist eine Webseite oder ein anderer Text, wo JSON verlangt ist.',
    'fault.bad_answer': 'Die Antwort des Anbieters entspricht nicht dem Protokoll.',
    'fault.bad_settings':
      'Die Einstellungen der Verbindung sind unvollständig, oder der Anbieter lehnte sie ab.',
    'fault.client_refused': 'Der Anbieter lehnt die Client-ID oder das Client-Secret ab.',
    'fault.redirect_refused': 'Der Anbieter lehnt die Redirect-URI ab: Sie ist dort nicht eingetragen.',
    'fault.scope_refused': 'Der Anbieter lehnt einen Scope ab.',
    'fault.wrong_issuer': 'Die Antwort nennt einen anderen Aussteller als die Verbindung.',
    'fault.wrong_audience': 'Die Antwort ist für einen anderen Dienst bestimmt.',
    'fault.wrong_signature':
      'Die Signatur fehlt oder wurde nicht mit einem Schlüssel des Anbieters erstellt.',
    'fault.wrong_nonce': 'Das ID-Token gehört zu einer anderen Anmeldung.',
    'fault.wrong_time':
      'Die Antwort gilt zu dieser Zeit nicht: Die Uhren gehen verschieden, oder sie ist zu alt.',
    'fault.wrong_recipient': 'Die Antwort ist an eine andere Adresse gerichtet.',
    'fault.wrong_request': 'Die Antwort gehört zu einer anderen Anfrage.',
    'fault.unsolicited': 'Der Anbieter hat die Anmeldung begonnen, was diese Verbindung nicht erlaubt.',
    'fault.unsafe_document':
      'Das Dokument hat Teile, die abgelehnt werden: eine DTD, Kommentare in Namen, mehrere Assertions, oder es ist zu groß.',
    'fault.certificate_expired': 'Das Zertifikat des Anbieters ist abgelaufen.',
    'fault.encryption':
      'Die Assertion ist nicht verschlüsselt, wie sie es sein muss, oder lässt sich nicht entschlüsseln.',
    'fault.no_subject':
      'Die Antwort sagt nicht, wer die Person ist, oder mit einem Namen, der sich bei jeder Anmeldung ändert.',
    'fault.tenant_refused': 'Die Person gehört zu einem Mandanten oder einer Domain, die nicht erlaubt ist.',
    'fault.domain_refused':
      'Die Person ist nicht Mitglied der Organisation, und die bestätigte Adresse ihres Kontos gehört zu keiner ihrer bestätigten Domains.',
    'fault.not_registered': 'Für diese Person gibt es kein Konto, und die Verbindung legt keines an.',
    'fault.not_connected': 'Die Identität ist nicht mit dem angemeldeten Konto verbunden.',
    'fault.taken': 'Die Identität ist mit einem anderen Konto verknüpft.',
    'fault.not_offered': 'Die Verbindung ist nicht aktiv.',
    'fault.user_refused': 'Das Konto ist deaktiviert oder gesperrt.',
    'question.owner':
      'Ein Konto hier hat die Adresse: Die Person meldet sich daran an und verbindet es, oder nicht.',
    'question.account':
      'Kein Konto hier ist verbunden: Die Person nennt eine Adresse für ein neues, oder sie meldet sich an dem an, das sie hat, und verbindet es.',
    'question.link':
      'Die Person bestätigt auf einer Seite, dass das Konto beim Anbieter mit ihrem Konto hier verbunden wird.',
    'question.sign_in':
      'Die Person bestätigt auf einer Seite, wer angemeldet wird: Ein anderes Konto ist angemeldet, oder eine andere Website hat die Anmeldung begonnen.',
    'steps.google':
      'Öffnen Sie in der Google Cloud Console „APIs & Dienste“, „Anmeldedaten“, und legen Sie eine OAuth-Client-ID vom Typ „Webanwendung“ mit dieser autorisierten Weiterleitungs-URI an.',
    'steps.microsoft':
      'Öffnen Sie im Microsoft Entra Admin Center „App-Registrierungen“, legen Sie eine Registrierung mit dieser Umleitungs-URI vom Typ „Web“ an, und fügen Sie einen geheimen Clientschlüssel hinzu.',
    'steps.github':
      'Öffnen Sie bei GitHub „Settings“, „Developer settings“, „OAuth Apps“, und registrieren Sie eine App mit dieser Authorization callback URL.',
    'steps.apple':
      'Legen Sie im Entwicklerportal von Apple eine Services-ID mit dieser Return URL und einen Schlüssel für „Mit Apple anmelden“ an.',
    'steps.gitlab':
      'Öffnen Sie in GitLab „Anwendungen“, und legen Sie eine mit dieser Redirect-URI und den Scopes openid, email und profile an.',
    'steps.discord':
      'Legen Sie im Entwicklerportal von Discord eine Anwendung an, und tragen Sie diese Adresse unter „OAuth2“, „Redirects“ ein.',
    'steps.slack':
      'Legen Sie unter api.slack.com/apps eine App an, und tragen Sie diese Adresse unter „OAuth & Permissions“, „Redirect URLs“ ein.',
    'steps.linkedin':
      'Legen Sie im Entwicklerportal von LinkedIn eine App mit „Sign In with LinkedIn using OpenID Connect“ an, und tragen Sie diese Redirect-URL ein.',
    'steps.facebook':
      'Legen Sie bei Meta for Developers eine App mit Facebook Login an, und tragen Sie diese gültige OAuth-Redirect-URI ein.',
    'steps.x':
      'Richten Sie im Entwicklerportal von X die Nutzeranmeldung vom Typ „Web App“ mit dieser Callback-URI ein.',
    'steps.twitch':
      'Registrieren Sie in der Entwicklerkonsole von Twitch eine Anwendung mit dieser OAuth-Redirect-URL.',
    'steps.okta':
      'Legen Sie in der Okta Admin Console eine App-Integration vom Typ „OIDC“, „Web Application“, mit dieser Sign-in redirect URI an.',
    'steps.auth0':
      'Legen Sie im Dashboard von Auth0 eine Anwendung vom Typ „Regular Web Application“ an, und tragen Sie diese Allowed Callback URL ein.',
    'steps.keycloak':
      'Legen Sie in der Administrationskonsole von Keycloak einen Client vom Typ OpenID Connect mit Client-Authentifizierung und dieser gültigen Redirect-URI an.',
    'steps.entra':
      'Legen Sie im Microsoft Entra Admin Center eine App-Registrierung Ihres Mandanten mit dieser Umleitungs-URI vom Typ „Web“ an, und fügen Sie einen geheimen Clientschlüssel hinzu.',
    'steps.oidc':
      'Legen Sie beim Anbieter einen vertraulichen Client für den Authorization Code Flow mit dieser Redirect-URI an.',
    'steps.saml':
      'Legen Sie beim Identitätsanbieter eine Anwendung für SAML 2.0 mit diesen Adressen an, oder importieren Sie die Metadaten.',
  },
})
