/**
 * What those who set a connection up look at after a test has failed, for each fault, with the values that are to be entered
 * and where. Leaves what a fault is, and what differs, to core/providers and the diagnostics.
 */
import type { Locale } from '../base/call.ts'
import { texts } from '../base/page/index.ts'
import { useUi } from '../base/page/ui.ts'
import type { Config } from '../config.ts'
import { callbackUrlOf, type ProviderConnection, samlAddressesOf } from './connections/index.ts'
import { type ProviderFault, providerOf } from './providers/index.ts'

/** What a sign-in that reaches no account cannot have. */
type FaultOfAccount =
  | 'domain_refused'
  | 'not_registered'
  | 'not_connected'
  | 'taken'
  | 'not_offered'
  | 'user_refused'
/** What only answers of SAML have. */
type FaultOfSaml =
  | 'wrong_recipient'
  | 'wrong_request'
  | 'unsolicited'
  | 'unsafe_document'
  | 'certificate_expired'
  | 'encryption'
type AdvisedFault = Exclude<ProviderFault, FaultOfAccount>
/** `saml`: where it differs from OpenID Connect and OAuth 2, or they lack it. */
type AdviceKey = `at.${Exclude<AdvisedFault, FaultOfSaml>}` | `saml.${FaultOfSaml}` | `saml.${AdvisedFault}`
type Advices = Partial<Record<AdviceKey, string>> &
  Record<`at.${Exclude<AdvisedFault, FaultOfSaml>}` | `saml.${FaultOfSaml}`, string>

const AGAIN = {
  en: 'Begin the test again, and complete it in the same browser within 15 minutes.',
  de: 'Beginnen Sie den Test noch einmal, und schließen Sie ihn im selben Browser innerhalb von 15 Minuten ab.',
} as const

const EN = {
  'at.unknown_state': AGAIN.en,
  'at.other_browser': AGAIN.en,
  'at.expired': AGAIN.en,
  'at.replayed': AGAIN.en,
  'at.wrong_nonce':
    'Begin the test again. If it happens each time, the provider does not return the nonce in the ID token, which OpenID Connect requires: look for that at the provider.',
  'at.denied':
    'Sign in at the provider with an account to which the application is assigned there, and consent to it.',
  'at.provider_error':
    'The provider refused the request for a reason that it names in the detail, if at all. Its log of sign-ins has more. Compare the client ID here ({client_id}) and the redirect URI there ({redirect_uri}) too.',
  'at.client_refused':
    'The provider refuses the client: copy the client ID and the client secret again, without spaces around them. The client ID here is {client_id}. If the secret has expired, create a new one; of Microsoft Entra ID it is the value of the secret, not its ID. The application must be active, and permit the authorization code flow.',
  'at.redirect_refused':
    'The redirect URI is not registered at the provider. Enter it there to the letter, without a slash at its end: {redirect_uri}',
  'at.scope_refused':
    'The provider refuses a scope. Permit openid, email and profile for the application there, and remove further scopes here that it does not know.',
  'at.not_json':
    'A web page or other text came where the provider sends JSON. Check that the issuer here ({issuer}) is that of the provider and not the address of its sign-in page: with /.well-known/openid-configuration after it, the address answers with JSON. A firewall or another sign-in before it must let this server through.',
  'at.unreachable':
    'Check the spelling of the address ({issuer}), and that it answers from the internet over https with a certificate that browsers accept. If a firewall protects it, let this server in.',
  'at.address_refused':
    'Use an https address that is reachable from the internet. For a provider in a private network, ask the people who run this service to permit its host.',
  'at.bad_answer':
    'The detail says which part is wrong. Check that the type of the provider and its address ({issuer}) are right, and that the application there uses OpenID Connect with the authorization code flow.',
  'at.bad_settings': 'The detail says which setting is missing or wrong. Complete it, and test again.',
  'at.wrong_issuer':
    'Enter the issuer here exactly as the provider states it: https, the tenant, and the slash at its end or none. Here it is {issuer}.',
  'at.wrong_audience':
    'The provider made the ID token for another application. Copy the client ID of this application from the provider; here it is {client_id}.',
  'at.wrong_signature':
    'The token is not signed with a key that the provider publishes. Check that the issuer here ({issuer}) is the provider’s, and let the application there sign ID tokens with RS256 or ES256, not with HS256.',
  'at.wrong_time':
    'Compare the clocks of the provider and of this server; the detail says by how much they differ. More than 60 seconds are refused. Let the clock that is wrong be set by NTP.',
  'at.no_subject': 'Let the provider send the permanent id of the user as the claim sub.',
  'at.tenant_refused':
    'Test with an account of a tenant or domain that the settings here allow, or change what they allow.',
  'saml.denied':
    'Sign in at the identity provider with an account to which the application is assigned there.',
  'saml.provider_error':
    'The identity provider refused the request for a reason that it names in the detail, if at all. Its log of sign-ins has more. Check that it knows the entity ID {entity_id}, and permits the format of NameID that is set here.',
  'saml.unreachable': 'Check the address of the metadata, and that it answers from the internet over https.',
  'saml.bad_answer':
    'The detail says which part is missing. Let the identity provider answer by SAML 2.0 with the POST binding to {acs_url}.',
  'saml.bad_settings':
    'Enter the metadata of the identity provider again. Its address must answer with XML (EntityDescriptor), not with a web page.',
  'saml.not_json': 'Enter the metadata of the identity provider again.',
  'saml.wrong_issuer':
    'The entity ID of the identity provider here is not what it calls itself, which the detail says. Enter its metadata again, or correct the entity ID.',
  'saml.wrong_audience':
    'Enter this at the identity provider as the entity ID of the application, which is also called audience or identifier: {entity_id}',
  'saml.wrong_recipient':
    'Enter this at the identity provider as the ACS URL, which is also called reply URL or single sign-on URL, to the letter: {acs_url}',
  'saml.wrong_signature':
    'The assertion is not signed, or not with a certificate of the metadata that was entered here. Let the identity provider sign the assertion with SHA-256, and enter its current metadata or certificate again.',
  'saml.certificate_expired':
    'Renew the signing certificate at the identity provider, and enter the new metadata or certificate here.',
  'saml.encryption':
    'Let the identity provider encrypt assertions with the certificate of {metadata_url}, which it reads again, or switch the encryption off on both sides.',
  'saml.wrong_time':
    'Compare the clocks of the identity provider and of this server; the detail says by how much they differ. More than 60 seconds are refused. Let the clock that is wrong be set by NTP.',
  'saml.wrong_request':
    'Begin the test again from here. If it happens each time, the identity provider does not say which request it answers (InResponseTo).',
  'saml.unsolicited': 'Begin the test from here, not at the identity provider.',
  'saml.unsafe_document':
    'The detail says which part is refused. Let the identity provider send one assertion, without comments and without a DTD.',
  'saml.no_subject':
    'Choose persistent or emailAddress as the format of NameID at the identity provider, not transient, or name an attribute that has a permanent id.',
} as const satisfies Advices

const DE: Record<keyof typeof EN, string> = {
  'at.unknown_state': AGAIN.de,
  'at.other_browser': AGAIN.de,
  'at.expired': AGAIN.de,
  'at.replayed': AGAIN.de,
  'at.wrong_nonce':
    'Beginnen Sie den Test noch einmal. Geschieht es jedes Mal, gibt der Anbieter die Nonce im ID-Token nicht zurück, was OpenID Connect verlangt: Suchen Sie beim Anbieter danach.',
  'at.denied':
    'Melden Sie sich beim Anbieter mit einem Konto an, dem die Anwendung dort zugewiesen ist, und stimmen Sie ihr zu.',
  'at.provider_error':
    'Der Anbieter lehnte die Anfrage ab; wenn er einen Grund nennt, steht er im Einzelnen. Mehr enthält sein Anmeldeprotokoll. Vergleichen Sie auch die Client-ID hier ({client_id}) und die Redirect-URI dort ({redirect_uri}).',
  'at.client_refused':
    'Der Anbieter lehnt den Client ab: Kopieren Sie Client-ID und Client-Secret noch einmal, ohne Leerzeichen davor und danach. Die Client-ID hier ist {client_id}. Ist das Secret abgelaufen, erstellen Sie ein neues; bei Microsoft Entra ID ist es der Wert des Geheimnisses, nicht seine ID. Die Anwendung muss aktiv sein und den Authorization Code Flow erlauben.',
  'at.redirect_refused':
    'Die Redirect-URI ist beim Anbieter nicht eingetragen. Tragen Sie sie dort buchstabengetreu ein, ohne Schrägstrich am Ende: {redirect_uri}',
  'at.scope_refused':
    'Der Anbieter lehnt einen Scope ab. Erlauben Sie der Anwendung dort openid, email und profile, und entfernen Sie hier weitere Scopes, die er nicht kennt.',
  'at.not_json':
    'Statt JSON kam eine Webseite oder anderer Text. Prüfen Sie, dass der Aussteller hier ({issuer}) der des Anbieters ist und nicht die Adresse seiner Anmeldeseite: Mit /.well-known/openid-configuration dahinter antwortet die Adresse mit JSON. Eine Firewall oder eine andere Anmeldung davor muss diesen Server durchlassen.',
  'at.unreachable':
    'Prüfen Sie die Schreibung der Adresse ({issuer}), und dass sie aus dem Internet über https mit einem Zertifikat antwortet, das Browser annehmen. Schützt sie eine Firewall, lassen Sie diesen Server zu.',
  'at.address_refused':
    'Verwenden Sie eine https-Adresse, die aus dem Internet erreichbar ist. Für einen Anbieter in einem privaten Netz bitten Sie den Betreiber dieses Dienstes, dessen Host zuzulassen.',
  'at.bad_answer':
    'Im Einzelnen steht, welcher Teil falsch ist. Prüfen Sie Art und Adresse des Anbieters ({issuer}), und dass die Anwendung dort OpenID Connect mit dem Authorization Code Flow verwendet.',
  'at.bad_settings':
    'Im Einzelnen steht, welche Einstellung fehlt oder falsch ist. Ergänzen Sie sie, und testen Sie noch einmal.',
  'at.wrong_issuer':
    'Tragen Sie den Aussteller hier genau so ein, wie ihn der Anbieter nennt: https, der Mandant, und mit oder ohne Schrägstrich am Ende. Hier ist er {issuer}.',
  'at.wrong_audience':
    'Der Anbieter hat das ID-Token für eine andere Anwendung ausgestellt. Kopieren Sie die Client-ID dieser Anwendung vom Anbieter; hier ist sie {client_id}.',
  'at.wrong_signature':
    'Das Token ist nicht mit einem Schlüssel signiert, den der Anbieter veröffentlicht. Prüfen Sie, dass der Aussteller hier ({issuer}) der des Anbieters ist, und lassen Sie die Anwendung dort ID-Tokens mit RS256 oder ES256 signieren, nicht mit HS256.',
  'at.wrong_time':
    'Vergleichen Sie die Uhren des Anbieters und dieses Servers; im Einzelnen steht, wie weit sie auseinandergehen. Mehr als 60 Sekunden werden abgelehnt. Lassen Sie die falsche Uhr durch NTP stellen.',
  'at.no_subject': 'Lassen Sie den Anbieter die dauerhafte Kennung der Person als Claim sub senden.',
  'at.tenant_refused':
    'Testen Sie mit einem Konto eines Mandanten oder einer Domain, die hier erlaubt ist, oder ändern Sie, was erlaubt ist.',
  'saml.denied':
    'Melden Sie sich beim Identitätsanbieter mit einem Konto an, dem die Anwendung dort zugewiesen ist.',
  'saml.provider_error':
    'Der Identitätsanbieter lehnte die Anfrage ab; wenn er einen Grund nennt, steht er im Einzelnen. Mehr enthält sein Anmeldeprotokoll. Prüfen Sie, dass er die Entity-ID {entity_id} kennt und das Format der NameID erlaubt, das hier eingestellt ist.',
  'saml.unreachable':
    'Prüfen Sie die Adresse der Metadaten, und dass sie aus dem Internet über https antwortet.',
  'saml.bad_answer':
    'Im Einzelnen steht, welcher Teil fehlt. Lassen Sie den Identitätsanbieter mit SAML 2.0 und dem POST-Binding an {acs_url} antworten.',
  'saml.bad_settings':
    'Tragen Sie die Metadaten des Identitätsanbieters noch einmal ein. Ihre Adresse muss mit XML (EntityDescriptor) antworten, nicht mit einer Webseite.',
  'saml.not_json': 'Tragen Sie die Metadaten des Identitätsanbieters noch einmal ein.',
  'saml.wrong_issuer':
    'Die Entity-ID des Identitätsanbieters hier ist nicht die, die er selbst nennt; diese steht im Einzelnen. Tragen Sie seine Metadaten noch einmal ein, oder berichtigen Sie die Entity-ID.',
  'saml.wrong_audience':
    'Tragen Sie dies beim Identitätsanbieter als Entity-ID der Anwendung ein, die auch Audience oder Bezeichner heißt: {entity_id}',
  'saml.wrong_recipient':
    'Tragen Sie dies beim Identitätsanbieter buchstabengetreu als ACS-URL ein, die auch Antwort-URL oder Single-Sign-On-URL heißt: {acs_url}',
  'saml.wrong_signature':
    'Die Assertion ist nicht signiert, oder nicht mit einem Zertifikat der Metadaten, die hier eingetragen sind. Lassen Sie den Identitätsanbieter die Assertion mit SHA-256 signieren, und tragen Sie seine aktuellen Metadaten oder sein Zertifikat noch einmal ein.',
  'saml.certificate_expired':
    'Erneuern Sie das Signaturzertifikat beim Identitätsanbieter, und tragen Sie die neuen Metadaten oder das neue Zertifikat hier ein.',
  'saml.encryption':
    'Lassen Sie den Identitätsanbieter Assertions mit dem Zertifikat aus {metadata_url} verschlüsseln, das er neu liest, oder schalten Sie die Verschlüsselung auf beiden Seiten ab.',
  'saml.wrong_time':
    'Vergleichen Sie die Uhren des Identitätsanbieters und dieses Servers; im Einzelnen steht, wie weit sie auseinandergehen. Mehr als 60 Sekunden werden abgelehnt. Lassen Sie die falsche Uhr durch NTP stellen.',
  'saml.wrong_request':
    'Beginnen Sie den Test noch einmal von hier. Geschieht es jedes Mal, nennt der Identitätsanbieter nicht die Anfrage, auf die er antwortet (InResponseTo).',
  'saml.unsolicited': 'Beginnen Sie den Test von hier, nicht beim Identitätsanbieter.',
  'saml.unsafe_document':
    'Im Einzelnen steht, welcher Teil abgelehnt wird. Lassen Sie den Identitätsanbieter eine einzige Assertion senden, ohne Kommentare und ohne DTD.',
  'saml.no_subject':
    'Wählen Sie beim Identitätsanbieter persistent oder emailAddress als Format der NameID, nicht transient, oder nennen Sie ein Attribut mit einer dauerhaften Kennung.',
}

export const adviceText = texts({
  en: {
    ...EN,
    title: 'What to look at:',
    'stuck.oidc':
      'If the provider itself shows an error and does not lead back here, it does not know the client ID {client_id} or the redirect URI {redirect_uri}: compare both with what is registered there.',
    'stuck.saml':
      'If the identity provider itself shows an error and does not lead back here, it does not know the entity ID {entity_id} or the ACS URL {acs_url}: compare both with what is registered there.',
  },
  de: {
    ...DE,
    title: 'Worauf zu achten ist:',
    'stuck.oidc':
      'Wenn der Anbieter selbst einen Fehler zeigt und nicht hierher zurückführt, kennt er die Client-ID {client_id} oder die Redirect-URI {redirect_uri} nicht: Vergleichen Sie beide mit dem, was dort eingetragen ist.',
    'stuck.saml':
      'Wenn der Identitätsanbieter selbst einen Fehler zeigt und nicht hierher zurückführt, kennt er die Entity-ID {entity_id} oder die ACS-URL {acs_url} nicht: Vergleichen Sie beide mit dem, was dort eingetragen ist.',
  },
})

/** A connection with the values by which it and its provider know each other. */
export interface AdvisedConnection {
  isSaml: boolean
  values: Readonly<
    Record<'client_id' | 'issuer' | 'redirect_uri' | 'entity_id' | 'acs_url' | 'metadata_url', string>
  >
}

export function advisedOf(
  config: Pick<Config, 'publicUrl'>,
  connection: Pick<ProviderConnection, 'slug' | 'provider' | 'clientId' | 'settings'>,
): AdvisedConnection {
  const { provider, clientId, settings } = connection
  const { entityId, acs, metadata } = samlAddressesOf(config, connection)
  return {
    isSaml: providerOf(provider).kind === 'saml',
    values: {
      client_id: clientId ?? '–',
      issuer: settings.issuer ?? settings.base_url ?? settings.tenant ?? provider,
      redirect_uri: callbackUrlOf(config, connection),
      entity_id: entityId,
      acs_url: acs,
      metadata_url: metadata,
    },
  }
}

/** What to look at, as a text; null for a fault that no setting causes. */
export const adviceOn = (
  locale: Locale,
  fault: string,
  { isSaml, values }: AdvisedConnection,
): string | null =>
  (isSaml ? adviceText.find(locale, `saml.${fault}`, values) : null) ??
  adviceText.find(locale, `at.${fault}`, values)

export function FaultAdvice({ fault, of }: { fault: string; of: AdvisedConnection }) {
  const { locale } = useUi()
  const advice = adviceOn(locale, fault, of)
  return advice === null ? null : (
    <p>
      <strong>{adviceText(locale, 'title')}</strong> {advice}
    </p>
  )
}

/** What a test cannot report, because the browser does not come back. */
export function StuckAdvice({ of: { isSaml, values } }: { of: AdvisedConnection }) {
  const { locale } = useUi()
  return <p class="quiet block">{adviceText.find(locale, isSaml ? 'stuck.saml' : 'stuck.oidc', values)}</p>
}
