/** What is done at each provider, in its own words, step by step. In the order of the choices of a set-up link. */
import { texts } from '../../../base/page/index.ts'

export const stepText = texts({
  en: {
    'entra-oidc.1':
      'In the Microsoft Entra admin center, open “App registrations” and choose “New registration”.',
    'entra-oidc.2': 'Under “Redirect URI”, choose “Web” and enter the redirect URI from this page.',
    'entra-oidc.3': 'From “Overview”, copy “Application (client) ID” and “Directory (tenant) ID”.',
    'entra-oidc.4': 'Under “Certificates & secrets”, add a “New client secret” and copy its “Value”.',
    'entra-saml.1':
      'In the Microsoft Entra admin center, open “Enterprise apps”, “New application”, “Create your own application”, and choose the one that is not in the gallery.',
    'entra-saml.2':
      'Open “Single sign-on”, “SAML”. Under “Basic SAML Configuration”, enter “Identifier (Entity ID)” and “Reply URL (Assertion Consumer Service URL)”.',
    'entra-saml.3': 'Under “SAML Certificates”, copy the “App Federation Metadata Url”.',
    'entra-saml.4': 'Under “Users and groups”, assign the people who may sign in.',
    'okta-oidc.1':
      'In the Okta Admin Console, open “Applications”, “Create App Integration”, and choose “OIDC - OpenID Connect” and “Web Application”.',
    'okta-oidc.2': 'Enter the redirect URI under “Sign-in redirect URIs”, and save.',
    'okta-oidc.3':
      'Copy “Client ID” and the secret under “Client Secrets”. The issuer is the address of your Okta organization, such as https://example.okta.com.',
    'okta-oidc.4': 'Under “Assignments”, assign the people who may sign in.',
    'okta-saml.1':
      'In the Okta Admin Console, open “Applications”, “Create App Integration”, and choose “SAML 2.0”.',
    'okta-saml.2':
      'Enter the ACS URL as “Single sign-on URL” and the entity ID as “Audience URI (SP Entity ID)”. Choose “Persistent” as “Name ID format”.',
    'okta-saml.3':
      'Under “Attribute Statements”, add email (user.email), displayName (user.displayName), firstName (user.firstName) and lastName (user.lastName).',
    'okta-saml.4':
      'On the tab “Sign On”, copy the “Metadata URL”. Under “Assignments”, assign the people who may sign in.',
    'google-oidc.1':
      'In the Google Cloud console, open “APIs & Services”, “Credentials”, “Create credentials”, “OAuth client ID”.',
    'google-oidc.2': 'Choose “Web application”, and enter the redirect URI under “Authorized redirect URIs”.',
    'google-oidc.3': 'Copy “Client ID” and “Client secret”.',
    'google-oidc.4':
      'Set the audience of the consent screen to “Internal”, and name your Workspace domains below.',
    'google-saml.1':
      'In the Google Admin console, open “Apps”, “Web and mobile apps”, “Add app”, “Add custom SAML app”.',
    'google-saml.2': 'Choose “Download metadata”, and paste the contents of the file below.',
    'google-saml.3': 'Under “Service provider details”, enter “ACS URL” and “Entity ID”.',
    'google-saml.4':
      'Under “Attributes”, map “Primary email” to email, “First name” to first_name and “Last name” to last_name. Then switch “User access” on.',
    'keycloak-oidc.1':
      'In the admin console of your realm, open “Clients”, “Create client”, and choose “OpenID Connect” as “Client type”.',
    'keycloak-oidc.2':
      'Switch “Client authentication” on, and enter the redirect URI under “Valid redirect URIs”.',
    'keycloak-oidc.3': 'From the tab “Credentials”, copy the “Client Secret”.',
    'keycloak-oidc.4': 'The issuer is the address of the realm, such as https://sso.example.com/realms/main.',
    'keycloak-saml.1':
      'In the admin console of your realm, open “Clients”, “Create client”, choose “SAML” as “Client type”, and enter the entity ID as “Client ID”.',
    'keycloak-saml.2':
      'Enter the ACS URL under “Valid redirect URIs” and as “Master SAML Processing URL”. Choose “persistent” as “Name ID format”, and switch “Sign assertions” on.',
    'keycloak-saml.3': 'On the tab “Keys”, switch “Client signature required” off.',
    'keycloak-saml.4':
      'Under “Client scopes”, add mappers for the attributes mail, givenName and sn. From “Realm settings”, copy the link “SAML 2.0 Identity Provider Metadata”.',
    'oidc.1': 'At your identity provider, create a confidential client for the authorization code flow.',
    'oidc.2': 'Enter the redirect URI from this page.',
    'oidc.3': 'Copy the client ID, the client secret and the issuer.',
    'oidc.4': 'The scopes openid, email and profile must be allowed.',
    'saml.1':
      'At your identity provider, create a service provider with the entity ID from this page, or import the metadata URL.',
    'saml.2': 'Enter the ACS URL as the assertion consumer service, by HTTP-POST.',
    'saml.3': 'Send a persistent NameID, and the e-mail address as an attribute. Assertions must be signed.',
    'saml.4': 'Copy the address of your metadata, or the metadata itself.',
  },
  de: {
    'entra-oidc.1':
      'Öffnen Sie im Microsoft Entra Admin Center „App-Registrierungen“, und wählen Sie „Neue Registrierung“.',
    'entra-oidc.2':
      'Wählen Sie unter „Umleitungs-URI“ die Plattform „Web“, und tragen Sie die Redirect-URI von dieser Seite ein.',
    'entra-oidc.3': 'Kopieren Sie aus der Übersicht „Anwendungs-ID (Client)“ und „Verzeichnis-ID (Mandant)“.',
    'entra-oidc.4':
      'Fügen Sie unter „Zertifikate & Geheimnisse“ einen „Neuen geheimen Clientschlüssel“ hinzu, und kopieren Sie dessen „Wert“.',
    'entra-saml.1':
      'Öffnen Sie im Microsoft Entra Admin Center „Unternehmensanwendungen“, „Neue Anwendung“, „Eigene Anwendung erstellen“, und wählen Sie diejenige, die nicht im Katalog enthalten ist.',
    'entra-saml.2':
      'Öffnen Sie „Einmaliges Anmelden“, „SAML“. Tragen Sie unter „Grundlegende SAML-Konfiguration“ den „Bezeichner (Entitäts-ID)“ und die „Antwort-URL (Assertionsverbraucherdienst-URL)“ ein.',
    'entra-saml.3': 'Kopieren Sie unter „SAML-Zertifikate“ die „App-Verbundmetadaten-URL“.',
    'entra-saml.4': 'Weisen Sie unter „Benutzer und Gruppen“ die Personen zu, die sich anmelden dürfen.',
    'okta-oidc.1':
      'Öffnen Sie in der Okta Admin Console „Applications“, „Create App Integration“, und wählen Sie „OIDC - OpenID Connect“ und „Web Application“.',
    'okta-oidc.2': 'Tragen Sie die Redirect-URI unter „Sign-in redirect URIs“ ein, und speichern Sie.',
    'okta-oidc.3':
      'Kopieren Sie „Client ID“ und das Secret unter „Client Secrets“. Der Aussteller ist die Adresse Ihrer Okta-Organisation, etwa https://example.okta.com.',
    'okta-oidc.4': 'Weisen Sie unter „Assignments“ die Personen zu, die sich anmelden dürfen.',
    'okta-saml.1':
      'Öffnen Sie in der Okta Admin Console „Applications“, „Create App Integration“, und wählen Sie „SAML 2.0“.',
    'okta-saml.2':
      'Tragen Sie die ACS-URL als „Single sign-on URL“ und die Entity-ID als „Audience URI (SP Entity ID)“ ein. Wählen Sie „Persistent“ als „Name ID format“.',
    'okta-saml.3':
      'Fügen Sie unter „Attribute Statements“ email (user.email), displayName (user.displayName), firstName (user.firstName) und lastName (user.lastName) hinzu.',
    'okta-saml.4':
      'Kopieren Sie auf dem Reiter „Sign On“ die „Metadata URL“. Weisen Sie unter „Assignments“ die Personen zu, die sich anmelden dürfen.',
    'google-oidc.1':
      'Öffnen Sie in der Google Cloud Console „APIs & Dienste“, „Anmeldedaten“, „Anmeldedaten erstellen“, „OAuth-Client-ID“.',
    'google-oidc.2':
      'Wählen Sie „Webanwendung“, und tragen Sie die Redirect-URI unter „Autorisierte Weiterleitungs-URIs“ ein.',
    'google-oidc.3': 'Kopieren Sie „Client-ID“ und „Clientschlüssel“.',
    'google-oidc.4':
      'Stellen Sie die Zielgruppe des Zustimmungsbildschirms auf „Intern“, und nennen Sie unten Ihre Workspace-Domains.',
    'google-saml.1':
      'Öffnen Sie in der Google Admin-Konsole „Apps“, „Web- und mobile Apps“, „App hinzufügen“, „Benutzerdefinierte SAML-App hinzufügen“.',
    'google-saml.2': 'Wählen Sie „Metadaten herunterladen“, und fügen Sie den Inhalt der Datei unten ein.',
    'google-saml.3': 'Tragen Sie unter „Details zum Dienstanbieter“ die „ACS-URL“ und die „Entitäts-ID“ ein.',
    'google-saml.4':
      'Ordnen Sie unter „Attribute“ die primäre E-Mail-Adresse email zu, den Vornamen first_name und den Nachnamen last_name. Schalten Sie dann den „Nutzerzugriff“ ein.',
    'keycloak-oidc.1':
      'Öffnen Sie in der Administrationskonsole Ihres Realms „Clients“, „Create client“, und wählen Sie „OpenID Connect“ als „Client type“.',
    'keycloak-oidc.2':
      'Schalten Sie „Client authentication“ ein, und tragen Sie die Redirect-URI unter „Valid redirect URIs“ ein.',
    'keycloak-oidc.3': 'Kopieren Sie auf dem Reiter „Credentials“ das „Client Secret“.',
    'keycloak-oidc.4': 'Der Aussteller ist die Adresse des Realms, etwa https://sso.example.com/realms/main.',
    'keycloak-saml.1':
      'Öffnen Sie in der Administrationskonsole Ihres Realms „Clients“, „Create client“, wählen Sie „SAML“ als „Client type“, und tragen Sie die Entity-ID als „Client ID“ ein.',
    'keycloak-saml.2':
      'Tragen Sie die ACS-URL unter „Valid redirect URIs“ und als „Master SAML Processing URL“ ein. Wählen Sie „persistent“ als „Name ID format“, und schalten Sie „Sign assertions“ ein.',
    'keycloak-saml.3': 'Schalten Sie auf dem Reiter „Keys“ die Option „Client signature required“ aus.',
    'keycloak-saml.4':
      'Fügen Sie unter „Client scopes“ Mapper für die Attribute mail, givenName und sn hinzu. Kopieren Sie unter „Realm settings“ den Link „SAML 2.0 Identity Provider Metadata“.',
    'oidc.1':
      'Legen Sie bei Ihrem Identitätsanbieter einen vertraulichen Client für den Authorization Code Flow an.',
    'oidc.2': 'Tragen Sie die Redirect-URI von dieser Seite ein.',
    'oidc.3': 'Kopieren Sie die Client-ID, das Client-Secret und den Aussteller.',
    'oidc.4': 'Die Scopes openid, email und profile müssen erlaubt sein.',
    'saml.1':
      'Legen Sie bei Ihrem Identitätsanbieter einen Service Provider mit der Entity-ID von dieser Seite an, oder importieren Sie die Metadaten-URL.',
    'saml.2': 'Tragen Sie die ACS-URL als Assertion Consumer Service mit HTTP-POST ein.',
    'saml.3':
      'Senden Sie eine dauerhafte NameID (persistent) und die E-Mail-Adresse als Attribut. Assertions müssen signiert sein.',
    'saml.4': 'Kopieren Sie die Adresse Ihrer Metadaten oder die Metadaten selbst.',
  },
})
