/**
 * The table of settings: every setting with its environment variable, parser, default and description. The type Config,
 * docs/reference/configuration.md, .env.example and `latchkey config` are derived from it. config.ts reads it.
 */
import { LOCALES, STYLES } from '../base/call.ts'
import {
  atMost, ceremonyOrigin, clientId, clientSecret, domain, durationBetween, emailAddress, endpoint, forbiddenPattern, host, hostAndPort, issuer, type Kind, listenAddress,
  listOf, listOrOff, listOrSwitch,
  namedValues, nameServer, network, nullable, oneOf, origin, percentage, plainEndpoint, postgresUrl, privateKey, sender, text, url, wholeNumber, yesNo,
} from './kinds.ts' // biome-ignore format: a list
import { PASSWORD_PROFILES } from './password-profiles.ts'

export const PROFILES = ['development', 'testing', 'production'] as const
export type ServerProfile = (typeof PROFILES)[number]

export const GROUPS = {
  server: 'The server',
  database: 'Database and data',
  mail: 'Mail',
  sessions: 'Sessions',
  tokens: 'Tokens and signing keys',
  passwords: 'Passwords and abuse',
  accounts: 'Accounts and roles',
  providers: 'Sign-in with other providers',
  apps: 'Apps that sign users in here',
  api: 'The API',
  looks: 'Looks and language',
  operation: 'Operation',
} as const

export interface Setting<T> {
  env: string
  group: keyof typeof GROUPS
  kind: Kind<T>
  /** One sentence. */
  about: string
  /** The default as an environment value; by profile where they differ; null: not set. */
  byDefault: string | null | Readonly<Record<ServerProfile, string | null>>
  /** A description of a default that is derived from other settings. */
  computed?: string
  /** `whole` is never shown; `password` is a URL that is shown without its password. */
  secret?: 'whole' | 'password'
  /** The capability that will use the setting: it is validated already, and has no effect yet. */
  later?: string
}

const set = <T>(
  env: string,
  group: Setting<T>['group'],
  kind: Kind<T>,
  rest: Omit<Setting<T>, 'env' | 'group' | 'kind'>,
) => ({ env, group, kind, ...rest }) satisfies Setting<T> as Setting<T>

// biome-ignore format: a table
export const SETTINGS = {
  profile: set('LATCHKEY_PROFILE', 'server', oneOf(...PROFILES), { byDefault: 'development',
    about: 'The mode of the server: `development` and `testing` show e-mails at `/dev/outbox`, `testing` permits setting the clock, `production` refuses unsafe settings.' }),
  host: set('LATCHKEY_HOST', 'server', host, { byDefault: '127.0.0.1',
    about: 'The address to listen on; `0.0.0.0` for all interfaces, as in a container.' }),
  port: set('LATCHKEY_PORT', 'server', wholeNumber(0, 65535), { byDefault: '4000',
    about: 'The port to listen on; `0` selects a free port (not in production).' }),
  publicUrl: set('LATCHKEY_PUBLIC_URL', 'server', origin, { byDefault: null, computed: '`http://localhost:<port>`',
    about: 'The public URL of the server: links in e-mails, cookies and the issuer of tokens are derived from it, never from a request. Production requires https.' }),
  trustedProxies: set('LATCHKEY_TRUSTED_PROXIES', 'server', listOf(network), { byDefault: '',
    about: 'The reverse proxies whose `X-Forwarded-For` is trusted; it is ignored from all other addresses.' }),

  dataDir: set('LATCHKEY_DATA_DIR', 'database', text('a path', /^[^\0]{1,1024}$/), { byDefault: '.latchkey',
    about: 'The folder of the embedded database and of the generated secret; relative to the working folder.' }),
  databaseUrl: set('DATABASE_URL', 'database', nullable(postgresUrl), { byDefault: null, secret: 'password',
    about: 'PostgreSQL 15 or newer; without it the server uses its embedded database in the data folder.' }),
  databasePool: set('LATCHKEY_DATABASE_POOL', 'database', wholeNumber(1, 100), { byDefault: '10',
    about: 'The maximum number of PostgreSQL connections that one server opens for transactions; with `--workers` each has its part of them, at least two.' }),
  databaseTimeout: set('LATCHKEY_DATABASE_TIMEOUT', 'database', durationBetween('1s', '60s'), { byDefault: { development: '2s', testing: '10s', production: '2s' },
    about: 'How long PostgreSQL may give no sign of life before requests are answered with 503 instead of waiting; they are served again as soon as it answers.' }),
  cachedCredentials: set('LATCHKEY_CACHED_CREDENTIALS', 'database', wholeNumber(0, 1_000_000), { byDefault: '10000',
    about: 'How many checked sessions, and how many API keys, one process holds in memory, about 2 kB each; every change takes effect at once. `0`: each check reads the database.' }),
  embeddedInProduction: set('LATCHKEY_EMBEDDED_IN_PRODUCTION', 'database', yesNo, { byDefault: 'no',
    about: '`yes` permits the embedded database in production: it survives a killed process, may lose the last writes in a power failure, and serves one process only.' }),
  redisUrl: set('REDIS_URL', 'database', nullable(url(['redis', 'rediss'], 'a Redis URL such as `redis://host:6379/0`')), { byDefault: null, secret: 'password',
    about: 'Redis, which counts rate limits over all nodes and shares checked credentials between them; never the source of truth. While it does not answer, each node counts by itself and reads the database.' }),
  sharedCredentials: set('LATCHKEY_SHARED_CREDENTIALS', 'database', yesNo, { byDefault: 'yes',
    about: 'Whether nodes and workers share checked sessions and API keys in Redis, encrypted, for five minutes: it spares PostgreSQL the statement for a credential that another process has checked. Every change takes effect as without it. Without `REDIS_URL` it has no effect.' }),

  smtpUrl: set('LATCHKEY_SMTP_URL', 'mail', nullable(url(['smtp', 'smtps'], 'an SMTP URL such as `smtp://user:password@host:587` or `smtps://…`, with no parameter but `tls=off`', { tls: ['off'] })), { byDefault: null, secret: 'password',
    about: 'The mail server that delivers e-mails, with TLS except on this machine or with `?tls=off`; development and testing also show e-mails at `/dev/outbox`.' }),
  mailFrom: set('LATCHKEY_MAIL_FROM', 'mail', sender, { byDefault: null, computed: '`<brand name> <no-reply@<public host>>`',
    about: 'The sender of every e-mail.' }),

  sessionIdle: set('LATCHKEY_SESSION_IDLE', 'sessions', durationBetween('1m', '365d'), { byDefault: '30m',
    about: 'A session ends when it has been idle for this long.' }),
  sessionAbsolute: set('LATCHKEY_SESSION_ABSOLUTE', 'sessions', durationBetween('1m', '365d'), { byDefault: '8h',
    about: 'A session ends this long after the sign-in.' }),
  rememberIdle: set('LATCHKEY_REMEMBER_IDLE', 'sessions', durationBetween('1m', '365d'), { byDefault: '7d',
    about: 'The idle limit of a session signed in with "remember me".' }),
  rememberAbsolute: set('LATCHKEY_REMEMBER_ABSOLUTE', 'sessions', durationBetween('1m', '365d'), { byDefault: '30d',
    about: 'The absolute limit of a session signed in with "remember me".' }),

  accessTokenLifetime: set('LATCHKEY_ACCESS_TOKEN_LIFETIME', 'tokens', durationBetween('1m', '24h'), { byDefault: '1h',
    about: 'The lifetime of an access token; refresh tokens expire with their session, which has the limits of "remember me".' }),
  tokenAudience: set('LATCHKEY_TOKEN_AUDIENCE', 'tokens', nullable(text('1 to 200 characters without spaces', /^[\x21-\x7e]{1,200}$/)), { byDefault: null, computed: '`LATCHKEY_PUBLIC_URL`',
    about: 'The audience (`aud`) of access tokens; services that verify them expect the same value.' }),
  tokenAlgorithm: set('LATCHKEY_TOKEN_ALGORITHM', 'tokens', oneOf('ES256', 'RS256', 'EdDSA', 'HS256'), { byDefault: 'ES256',
    about: 'The signature algorithm of access tokens; `HS256` only where a single service verifies them and shares LATCHKEY_TOKEN_SECRET. ID tokens are signed with key pairs in every case.' }),
  tokenSecret: set('LATCHKEY_TOKEN_SECRET', 'tokens', nullable(text('at least 32 bytes', /^\S(?:.{30,4094})\S$/su)), { byDefault: null, secret: 'whole',
    about: 'The shared secret of `HS256`; every holder of it can issue tokens.' }),
  keyRotation: set('LATCHKEY_KEY_ROTATION', 'tokens', durationBetween('1h', '3650d'), { byDefault: '30d',
    about: 'How long a signing key signs before the next one replaces it; the old key stays published until its last token has expired.' }),
  keyLead: set('LATCHKEY_KEY_LEAD', 'tokens', durationBetween('0s', '7d'), { byDefault: '10m',
    about: 'How long a signing key is published before it signs; longer than clients cache the published set.' }),

  passwordProfile: set('LATCHKEY_PASSWORD_PROFILE', 'passwords', oneOf(...PASSWORD_PROFILES), { byDefault: 'nist',
    about: 'The rules for new passwords: `nist` requires a minimum length and refuses common passwords, `classic` requires character classes and regular changes, `pci` is that of the payment card industry, `custom` is made of the six settings that follow. What each conforms to is stated below.' }),
  passwordMinLength: set('LATCHKEY_PASSWORD_MIN_LENGTH', 'passwords', wholeNumber(6, 128), { byDefault: '8',
    about: 'Of the profile `custom`: the minimum length in characters.' }),
  passwordMaxLength: set('LATCHKEY_PASSWORD_MAX_LENGTH', 'passwords', wholeNumber(8, 128), { byDefault: '128',
    about: 'Of the profile `custom`: the maximum length in characters.' }),
  passwordClasses: set('LATCHKEY_PASSWORD_CLASSES', 'passwords', listOf(oneOf('letter', 'upper', 'lower', 'digit', 'special', 'none')), { byDefault: 'upper,lower,digit',
    about: 'Of the profile `custom`: the character classes that a password must contain; `none` requires none.' }),
  passwordForbidden: set('LATCHKEY_PASSWORD_FORBIDDEN', 'passwords', atMost(100, listOf(forbiddenPattern)), { byDefault: '',
    about: 'Of the profile `custom`: words that a password must not contain, in capital or small letters. The most common passwords are refused in every profile.' }),
  passwordMaxAge: set('LATCHKEY_PASSWORD_MAX_AGE', 'passwords', nullable(durationBetween('1d', '3650d')), { byDefault: null,
    about: 'Of the profile `custom`: the age at which a password must be replaced at the next sign-in; not set: never.' }),
  passwordHistory: set('LATCHKEY_PASSWORD_HISTORY', 'passwords', wholeNumber(1, 24), { byDefault: '1',
    about: 'Of the profile `custom`: how many of the latest passwords, including the current one, cannot be chosen again.' }),
  breachCheck: set('LATCHKEY_BREACH_CHECK', 'passwords', yesNo, { byDefault: { development: 'no', testing: 'no', production: 'yes' },
    about: 'Whether new passwords are looked up with a service of known data breaches, which sends five digits of a SHA-1 hash; if the service does not answer, the password is accepted with a warning in the log. Not under the profile `classic`.' }),
  breachUrl: set('LATCHKEY_BREACH_URL', 'passwords', endpoint, { byDefault: 'https://api.pwnedpasswords.com/range/',
    about: 'The service of that check: Have I Been Pwned, or a mirror with the same interface.' }),
  breachTimeout: set('LATCHKEY_BREACH_TIMEOUT', 'passwords', durationBetween('100ms', '10s'), { byDefault: '2s',
    about: 'How long a request for a new password waits for that service at most.' }),
  breachFile: set('LATCHKEY_BREACH_FILE', 'passwords', nullable(text('a path', /^[^\0]{1,1024}$/)), { byDefault: null,
    about: 'A local list of breached passwords, made by `latchkey breaches build`: it is read first, and also where LATCHKEY_BREACH_CHECK is `no`, so that nothing is sent; relative to the working folder.' }),
  hashAlgorithm: set('LATCHKEY_PASSWORD_HASH', 'passwords', oneOf('argon2id', 'bcrypt'), { byDefault: 'argon2id',
    about: 'The hash of new passwords; other hashes are verified and replaced at the next sign-in.' }),
  argon2MemoryKib: set('LATCHKEY_ARGON2_MEMORY_KIB', 'passwords', wholeNumber(1024, 1048576), { byDefault: '19456',
    about: 'The memory of one argon2id hash in KiB.' }),
  argon2Passes: set('LATCHKEY_ARGON2_PASSES', 'passwords', wholeNumber(1, 20), { byDefault: '2',
    about: 'The number of passes of one argon2id hash over its memory.' }),
  bcryptCost: set('LATCHKEY_BCRYPT_COST', 'passwords', wholeNumber(12, 18), { byDefault: '12',
    about: 'The cost of one bcrypt hash; each step doubles the time.' }),
  hashQueue: set('LATCHKEY_HASH_QUEUE', 'passwords', wholeNumber(1, 10000), { byDefault: '100',
    about: 'The maximum number of waiting password checks for each core of the processor, about two seconds of work by default; beyond it a sign-in gets a 503 immediately.' }),
  lockoutFailures: set('LATCHKEY_LOCKOUT_FAILURES', 'passwords', wholeNumber(1, 1000), { byDefault: '5',
    about: 'The number of consecutive failed sign-ins after which further ones are refused for the lock-out duration.' }),
  lockoutDuration: set('LATCHKEY_LOCKOUT_DURATION', 'passwords', durationBetween('1m', '30d'), { byDefault: '15m',
    about: 'The duration of the lock-out after failed sign-ins.' }),
  rateLimits: set('LATCHKEY_RATE_LIMITS', 'passwords', oneOf('standard', 'single', 'off'), { byDefault: { development: 'standard', testing: 'off', production: 'standard' },
    about: 'The rate limits: `standard` by route and authentication method, `single` one limit of 100 requests a minute, `off` none (refused in production).' }),
  challenge: set('LATCHKEY_CHALLENGE', 'passwords', oneOf('on', 'off'), { byDefault: 'on',
    about: 'Whether a client that has used up the limit of a sensitive operation may solve a proof-of-work challenge instead of waiting.' }),

  mfa: set('LATCHKEY_MFA', 'accounts', oneOf('optional', 'required'), { byDefault: 'optional',
    about: 'Whether every user must have a second factor. Organizations and roles can require one by themselves.' }),
  mfaMethods: set('LATCHKEY_MFA_METHODS', 'accounts', listOf(oneOf('totp', 'passkey', 'backup_code', 'email_code')), { byDefault: 'totp,passkey,backup_code',
    about: 'The second factors that users can set up; one that exists works, whether or not it is named. A code by e-mail never meets a requirement, and is required only where a user has no other.' }),
  mfaGrace: set('LATCHKEY_MFA_GRACE', 'accounts', durationBetween('0s', '365d'), { byDefault: '0s',
    about: 'With `LATCHKEY_MFA=required`, how long after its creation an account may sign in without a second factor.' }),
  rememberedDevice: set('LATCHKEY_REMEMBERED_DEVICE', 'accounts', durationBetween('0s', '365d'), { byDefault: '30d',
    about: 'How long a browser that a user chose to remember is accepted as their second factor, beside the password; `0s`: no browser is. It never raises the level of a session, and meets a requirement only where the policy allows it.' }),
  passkeyRpId: set('LATCHKEY_PASSKEY_RP_ID', 'accounts', nullable(domain), { byDefault: null, computed: 'the host of `LATCHKEY_PUBLIC_URL`',
    about: 'The domain that passkeys belong to: the host of the public URL, or a parent domain of it. After a change, no passkey made before signs in.' }),
  passkeyOrigins: set('LATCHKEY_PASSKEY_ORIGINS', 'accounts', atMost(20, listOf(ceremonyOrigin)), { byDefault: '',
    about: 'Further origins that may use these passkeys: websites, also of other domains (published at `/.well-known/webauthn`), and Android apps.' }),
  passkeyAttestation: set('LATCHKEY_PASSKEY_ATTESTATION', 'accounts', oneOf('none', 'direct'), { byDefault: 'none',
    about: 'Whether new passkeys state the model of their authenticator: `direct` requests it, which browsers may ask the user about. The statement is verified by itself: no trust anchors are configured, so that the issuer of its certificate is not checked, and the model is not proven.' }),
  emailSignIn: set('LATCHKEY_EMAIL_SIGN_IN', 'accounts', listOrOff(oneOf('link', 'code')), { byDefault: 'link,code',
    about: 'How users can sign in by e-mail, without their password: by a link, by a six-digit code, or (`off`) by neither.' }),
  totpAlgorithm: set('LATCHKEY_TOTP_ALGORITHM', 'accounts', oneOf('SHA1', 'SHA256', 'SHA512'), { byDefault: 'SHA1',
    about: 'The hash of the codes of new authenticator apps; many apps know `SHA1` only, which is sufficient for HMAC.' }),
  backupCodes: set('LATCHKEY_BACKUP_CODES', 'accounts', oneOf('strong', 'digits'), { byDefault: 'strong',
    about: 'The form of new backup codes: `strong` 16 characters with 80 random bits, `digits` eight digits.' }),
  emailVerification: set('LATCHKEY_EMAIL_VERIFICATION', 'accounts', oneOf('required', 'off'), { byDefault: 'required',
    about: 'Whether users must verify their e-mail address before they can sign in. With `off`, the first proof of the mailbox of an account that registered itself (a reset, a link or code, a verification) ends everything that was set up before.' }),
  rolePreset: set('LATCHKEY_ROLE_PRESET', 'accounts', oneOf('ladder', 'client-services'), { byDefault: 'ladder',
    about: 'The preset of roles that the server creates.' }),
  defaultRole: set('LATCHKEY_DEFAULT_ROLE', 'accounts', nullable(text('the name of a role: small letters, digits, `_` and `-`', /^[a-z][a-z0-9_-]{0,62}$/)), { byDefault: null, computed: 'the preset\'s lowest: `viewer` or `user`',
    about: 'The role of new users.' }),
  adminEmail: set('LATCHKEY_ADMIN_EMAIL', 'accounts', nullable(emailAddress), { byDefault: null,
    about: 'Creates the first administrator with this address at the first start, instead of the set-up link; requires LATCHKEY_ADMIN_PASSWORD.' }),
  adminUsername: set('LATCHKEY_ADMIN_USERNAME', 'accounts', nullable(text('3 to 32 letters, digits, `.`, `_` and `-`, beginning with a letter or digit', /^[A-Za-z0-9][A-Za-z0-9._-]{2,31}$/)), { byDefault: null,
    about: 'The username of that administrator, which may be a reserved one such as `admin`.' }),
  adminPassword: set('LATCHKEY_ADMIN_PASSWORD', 'accounts', nullable(text('1 to 1024 characters', /^.{1,1024}$/su)), { byDefault: null, secret: 'whole',
    about: 'The first password of that administrator; without effect once an administrator exists.' }),
  organizationCreation: set('LATCHKEY_ORGANIZATION_CREATION', 'accounts', oneOf('everyone', 'administrators'), { byDefault: 'everyone',
    about: 'Who may create organizations: `everyone` who is signed in, or only `administrators` with the permission `organizations:write`.' }),
  organizationGrace: set('LATCHKEY_ORGANIZATION_GRACE', 'accounts', durationBetween('1h', '365d'), { byDefault: '30d',
    about: 'How long a deleted organization can be restored before it is permanently removed.' }),
  invitationLifetime: set('LATCHKEY_INVITATION_LIFETIME', 'accounts', durationBetween('1h', '90d'), { byDefault: '7d',
    about: 'The lifetime of an invitation to an organization.' }),

  externalOrganization: set('LATCHKEY_EXTERNAL_ORGANIZATION', 'providers', oneOf('none', 'create', 'choose'), { byDefault: 'none',
    about: 'What a person gets who first signs in with another provider: no organization (`none`), one that is created for them (`create`), or the choice to create, join or do without one (`choose`).' }),
  connectionHosts: set('LATCHKEY_CONNECTION_HOSTS', 'providers', atMost(50, listOf(hostAndPort)), { byDefault: '',
    about: 'Hosts of identity providers that connections may request although they are in a private network or have no https; of an organization\'s connection, every other host must be https, and public unless browsers alone go there.' }),
  googleClientId: set('LATCHKEY_GOOGLE_CLIENT_ID', 'providers', nullable(clientId), { byDefault: null,
    about: 'The OAuth client at Google: with it, people can sign in with Google. Its callback URL is `<public URL>/api/v1/auth/external/google/callback`; that of the other providers has their name instead.' }),
  googleClientSecret: set('LATCHKEY_GOOGLE_CLIENT_SECRET', 'providers', nullable(clientSecret), { byDefault: null, secret: 'whole',
    about: 'The secret of the client at Google.' }),
  microsoftClientId: set('LATCHKEY_MICROSOFT_CLIENT_ID', 'providers', nullable(clientId), { byDefault: null,
    about: 'The application at Microsoft Entra: with it, people can sign in with Microsoft.' }),
  microsoftClientSecret: set('LATCHKEY_MICROSOFT_CLIENT_SECRET', 'providers', nullable(clientSecret), { byDefault: null, secret: 'whole',
    about: 'The secret of the application at Microsoft Entra.' }),
  microsoftTenant: set('LATCHKEY_MICROSOFT_TENANT', 'providers', text('`common`, `organizations`, `consumers`, or the id or domain of a tenant', /^[a-z0-9][a-z0-9.-]{0,99}$/i), { byDefault: 'common',
    about: 'Whose accounts may sign in with Microsoft: those of everyone (`common`), of companies (`organizations`), of private persons (`consumers`), or of one tenant.' }),
  githubClientId: set('LATCHKEY_GITHUB_CLIENT_ID', 'providers', nullable(clientId), { byDefault: null,
    about: 'The OAuth app at GitHub: with it, people can sign in with GitHub.' }),
  githubClientSecret: set('LATCHKEY_GITHUB_CLIENT_SECRET', 'providers', nullable(clientSecret), { byDefault: null, secret: 'whole',
    about: 'The secret of the OAuth app at GitHub.' }),
  appleClientId: set('LATCHKEY_APPLE_CLIENT_ID', 'providers', nullable(clientId), { byDefault: null,
    about: 'The Services ID at Apple: with it, people can sign in with Apple. It requires the team, the key and the private key as well.' }),
  appleTeamId: set('LATCHKEY_APPLE_TEAM_ID', 'providers', nullable(text('10 capital letters and digits', /^[A-Z0-9]{10}$/)), { byDefault: null,
    about: 'The id of the developer team at Apple.' }),
  appleKeyId: set('LATCHKEY_APPLE_KEY_ID', 'providers', nullable(text('10 capital letters and digits', /^[A-Z0-9]{10}$/)), { byDefault: null,
    about: 'The id of the key for Sign in with Apple.' }),
  applePrivateKey: set('LATCHKEY_APPLE_PRIVATE_KEY', 'providers', nullable(privateKey), { byDefault: null, secret: 'whole',
    about: 'The private part of that key: the contents of the `.p8` file, in which `\\n` may be written for a line break.' }),
  oidcIssuer: set('LATCHKEY_OIDC_ISSUER', 'providers', nullable(issuer), { byDefault: null,
    about: 'The issuer of an OpenID Connect provider, whose discovery document is read: with it, people can sign in there.' }),
  oidcClientId: set('LATCHKEY_OIDC_CLIENT_ID', 'providers', nullable(clientId), { byDefault: null,
    about: 'The client at that issuer. Its callback URL is `<public URL>/api/v1/auth/external/oidc/callback`.' }),
  oidcClientSecret: set('LATCHKEY_OIDC_CLIENT_SECRET', 'providers', nullable(clientSecret), { byDefault: null, secret: 'whole',
    about: 'The secret of the client at that issuer.' }),
  oidcName: set('LATCHKEY_OIDC_NAME', 'providers', nullable(text('1 to 80 characters on one line, without `<` and `>`', /^[^\p{Cc}<>]{1,80}$/u)), { byDefault: null, computed: '`OpenID Connect`',
    about: 'What the button calls that provider.' }),
  oidcTrustsEmail: set('LATCHKEY_OIDC_TRUSTS_EMAIL', 'providers', yesNo, { byDefault: 'no',
    about: '`yes`: an address that the provider calls verified (`email_verified`) counts as verified here; a first sign-in makes an account with it at once, and can connect the account that has it. Only for a provider where each user has proven their address, such as a Keycloak of your own: who administers it can claim any address. `no`: users confirm their address by an e-mail of this server.' }),

  clientIdDocuments: set('LATCHKEY_CLIENT_ID_DOCUMENTS', 'apps', listOrSwitch(hostAndPort), { byDefault: 'off',
    about: 'Whose apps sign users in without being registered here, by a metadata document at their `client_id`: of any public https address (`on`), or of the listed hosts alone, which may be in a private network.' }),
  clientRegistration: set('LATCHKEY_CLIENT_REGISTRATION', 'apps', oneOf('off', 'token', 'open'), { byDefault: 'off',
    about: 'Whether apps register themselves at `/oidc/register`: with an API key that has `oauth_clients:write` (`token`), or anyone (`open`), with few for each address, and those that are not used expire.' }),

  envelope: set('LATCHKEY_ENVELOPE', 'api', oneOf(...STYLES), { byDefault: 'standard',
    about: 'The envelope style of JSON responses for requests that do not select one with `Accept`.' }),
  corsOrigins: set('LATCHKEY_CORS_ORIGINS', 'api', listOf(origin), { byDefault: '',
    about: 'The origins whose scripts may call the API with the user\'s cookies (CORS).' }),
  returnOrigins: set('LATCHKEY_RETURN_ORIGINS', 'api', listOf(origin), { byDefault: '',
    about: 'The origins, besides the server\'s, that `return_to` may redirect to.' }),
  apiKeyProduct: set('LATCHKEY_API_KEY_PRODUCT', 'api', text('1 to 16 small letters and digits beginning with a letter, and neither `st` nor `rt`', /^(?![sr]t$)[a-z][a-z0-9]{0,15}$/), { byDefault: 'lk',
    about: 'The prefix of new API keys, by which people and secret scanners recognise them; keys with an earlier prefix stay valid.' }),
  apiKeyMaxLifetime: set('LATCHKEY_API_KEY_MAX_LIFETIME', 'api', nullable(durationBetween('1d', '3650d')), { byDefault: null,
    about: 'The maximum lifetime of an API key; if it is not set, keys may have no expiry.' }),
  apiKeyInQuery: set('LATCHKEY_API_KEY_IN_QUERY', 'api', yesNo, { byDefault: 'no',
    about: 'Whether an API key is also accepted in the query, as `?api_key=`; URLs appear in logs and histories, so only for clients that cannot send a header.' }),
  compat: set('LATCHKEY_COMPAT', 'api', listOf(oneOf('tokens-by-password', 'refused-refresh-403', 'not-authenticated-403')), { byDefault: '',
    about: 'The older interfaces to enable: `tokens-by-password` adds `/api/users/create_token` and `/api/users/revoke_token`, `refused-refresh-403` answers a refused refresh token with 403 in every style, `not-authenticated-403` a missing credential with 403 in the `detail` style.' }),
  compatTokenLifetime: set('LATCHKEY_COMPAT_TOKEN_LIFETIME', 'api', durationBetween('1m', '3650d'), { byDefault: '365d',
    about: 'The lifetime of a token of `/api/users/create_token` (`tokens-by-password`); it has no idle limit.' }),

  brandName: set('LATCHKEY_BRAND_NAME', 'looks', text('1 to 80 characters on one line, without `<` and `>`', /^[^\p{Cc}<>]{1,80}$/u), { byDefault: 'Latchkey',
    about: 'The name on pages and in e-mails.' }),
  brandLogo: set('LATCHKEY_BRAND_LOGO', 'looks', nullable(text('a path on this host such as `/logo.svg`, or a `data:image/…` URI', /^(\/[^/\\\s]\S*|data:image\/[a-z.+-]+[;,]\S+)$/i)), { byDefault: null,
    about: 'The logo at the top of pages: a path that your proxy serves on this host, or a `data:` URI; pages load nothing from other hosts.' }),
  brandAccent: set('LATCHKEY_BRAND_ACCENT', 'looks', nullable(text('a colour such as `#0b5fff`', /^#[0-9a-f]{6}$/i)), { byDefault: null,
    about: 'The colour of buttons and links.' }),
  defaultLocale: set('LATCHKEY_DEFAULT_LOCALE', 'looks', oneOf(...LOCALES), { byDefault: 'en',
    about: 'The language for browsers that accept none of the supported languages.' }),

  secret: set('LATCHKEY_SECRET', 'operation', text('at least 32 characters', /^\S(?:.{30,4094})\S$/su), { byDefault: null, computed: 'generated at the first start and stored in the data folder; required in production', secret: 'whole',
    about: 'The secret that all encryption and signing keys are derived from or sealed with; the same on every node. Keep it safe and back it up. `openssl rand -base64 48` generates one.' }),
  secretPrevious: set('LATCHKEY_SECRET_PREVIOUS', 'operation', nullable(text('at least 32 characters', /^\S(?:.{30,4094})\S$/su)), { byDefault: null, secret: 'whole',
    about: 'During a rotation, the secret before LATCHKEY_SECRET: what it sealed or signed is still accepted until `latchkey secrets rotate` has sealed everything again.' }),
  drain: set('LATCHKEY_DRAIN', 'operation', durationBetween('0s', '5m'), { byDefault: { development: '0s', testing: '0s', production: '5s' },
    about: 'How long a stopping server still serves requests while `/readyz` answers 503, so that load balancers stop sending; longer than the interval of their checks.' }),
  auditRetention: set('LATCHKEY_AUDIT_RETENTION', 'operation', durationBetween('1d', '36500d'), { byDefault: '365d',
    about: 'How long audit events are kept.' }),
  dnsServers: set('LATCHKEY_DNS_SERVERS', 'operation', listOf(nameServer), { byDefault: '',
    about: 'The name servers by which the domains of organizations are verified, asked in this order; without it, those of the system.' }),
  metricsAddress: set('LATCHKEY_METRICS_ADDRESS', 'operation', nullable(listenAddress), { byDefault: null,
    about: 'A second address and port that serve `/metrics` to anyone who reaches them, also while the database is unreachable, and nothing else but `/healthz`; for a network that only operators reach. Without it, `/metrics` requires the permission `metrics:read`.' }),
  accessLog: set('LATCHKEY_ACCESS_LOG', 'operation', yesNo, { byDefault: 'no',
    about: 'Whether every request is logged at the level `info`: method, path without its query and without secrets, status, duration, bytes, request id, user id and client address.' }),
  logLevel: set('LATCHKEY_LOG_LEVEL', 'operation', oneOf('debug', 'info', 'warn', 'error', 'silent'), { byDefault: { development: 'info', testing: 'warn', production: 'info' },
    about: 'The lowest level that is logged.' }),

  otlpEndpoint: set('OTEL_EXPORTER_OTLP_ENDPOINT', 'operation', nullable(plainEndpoint), { byDefault: null,
    about: 'The collector that receives traces over OTLP/HTTP in JSON, at `/v1/traces` behind this URL, such as `http://collector:4318`. Not set: nothing is traced.' }),
  otlpHeaders: set('OTEL_EXPORTER_OTLP_HEADERS', 'operation', nullable(namedValues('a list such as `authorization=Bearer%20abc,x-tenant=7`, without fields of HTTP itself', ['host', 'connection', 'content-length', 'content-type', 'transfer-encoding', 'expect', 'upgrade', 'te', 'trailer', 'keep-alive'])), { byDefault: null, secret: 'whole',
    about: 'Headers of the requests to the collector, by which it knows this server.' }),
  otelServiceName: set('OTEL_SERVICE_NAME', 'operation', text('1 to 255 printable characters', /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/), { byDefault: 'latchkey',
    about: 'The name of this service in traces.' }),
  otelResourceAttributes: set('OTEL_RESOURCE_ATTRIBUTES', 'operation', nullable(namedValues('a list such as `deployment.environment.name=production,k8s.pod.name=id-0`')), { byDefault: null,
    about: 'Further attributes of this server in traces. `service.name` is `OTEL_SERVICE_NAME`, and `service.instance.id` is new in each process.' }),
  traceSample: set('LATCHKEY_TRACE_SAMPLE', 'operation', percentage, { byDefault: '1%',
    about: 'The share of requests and jobs that are traced whole. Of the others, those that fail or take longer than a second are exported without what happened inside of them.' }),
} as const

type Table = typeof SETTINGS
export type SettingName = keyof Table
/** The validated settings. Durations are milliseconds, paths absolute, origins without a trailing slash. */
export type Config = { readonly [K in SettingName]: Table[K] extends Setting<infer T> ? T : never }

/** A fault of a setting, as a sentence that begins with the setting's name. */
export interface Fault {
  setting: string
  message: string
}
