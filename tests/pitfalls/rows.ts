/**
 * The table of faults that were found on what is built, and the table of published incidents: each row with the tests
 * that prove its right behaviour, by file and title. `input` is a text of that file, where the title alone covers
 * many rows. What a row needs that is not built yet is named by its capability.
 */

export interface Proof {
  file: string
  title: string
  /** A text that the file contains: the smallest input of the row. */
  input?: string
}
/** What is not built yet, and the texts that its code would contain. */
export const CAPABILITIES = {} as const satisfies Readonly<Record<string, readonly string[]>>

export interface Row {
  row: string
  proofs: readonly Proof[]
  waits?: readonly (keyof typeof CAPABILITIES)[]
}

const server = (file: string, title: string, input?: string): Proof =>
  proof(`packages/server/src/${file}.test.ts`, title, input)
const guard = (file: string, title: string, input?: string): Proof =>
  proof(`packages/guard/src/${file}.test.ts`, title, input)
const suite = (file: string, title: string, input?: string): Proof =>
  proof(`tests/${file}.test.ts`, title, input)
const proof = (file: string, title: string, input?: string): Proof => ({
  file,
  title,
  ...(input ? { input } : {}),
})

export const FOUND: readonly Row[] = [
  { row: 'a key made with `permissions` alone has those', proofs: [
    server('features/access/api-keys/api-keys', 'refuses %j at its field', '[{ permissions: undefined }'),
    suite('strictness', 'refuses an undeclared member of its body or query'),
  ] },
  { row: '`revoke_token` with `session_token` ends that one token', proofs: [server('features/protocols/compat/compat', 'are named by `token` or by `session_token`, which are one field')] },
  { row: 'role and status of a user in PATCH and POST; `audit-logs?action=x`', proofs: [
    server('features/accounts/administration/roles-and-status', 'changes the roles, refuses tokens with the old ones, and is recorded as by the route for roles'),
    server('features/accounts/administration/roles-and-status', 'disables, locks and enables as the actions do, with their events, and ends the sessions'),
    suite('strictness', 'refuses an undeclared member of its body or query'),
    suite('strictness', 'that reads its body refuses an undeclared query parameter'),
  ] },
  { row: '`null` and empty are absent', proofs: [
    suite('strictness', 'takes null for absent in every optional field'),
    suite('strictness', 'takes an empty query parameter for an absent one'),
  ] },
  { row: 'a principal callback that throws, or answers null or no id', proofs: [
    guard('methods/callbacks', 'refuses the credential where it %s'),
    guard('methods/callbacks', 'refuses the credential for null and undefined, at once and later'),
    guard('methods/callbacks', 'does not end the process when it rejects after its time'),
  ] },
  { row: 'text where a list belongs', proofs: [
    guard('methods/callbacks', 'that returns the text of a scope as permissions refuses every token, instead of letters as permissions', 'orders:* profile'),
  ] },
  { row: 'options of the guard are validated', proofs: [guard('options', 'is refused when the guard is made: %s', 'clockTolerance NaN')] },
  { row: 'the guard reads `req.headers`', proofs: [
    guard('fields', 'are those of `headers`, which serverless adapters fill without raw fields'),
    guard('fields', 'that a middleware sets are read, and those that it deletes are not'),
  ] },
  { row: 'the guard’s clock six seconds behind', proofs: [guard('jwt/standards', 'accepts a fresh token of an issuer whose clock is up to a minute ahead, by default')] },
  { row: 'the guard’s clock 120 seconds ahead, a disabled user', proofs: [guard('latchkey-session', 'refuses the key and the session of a disabled user within a second: %i s', '[120,')] },
  { row: 'disabled and enabled 25 times in a second', proofs: [suite('revocations', 'dates a token at most a moment ahead after any number of revocations in one second')] },
  { row: '`typ`, `Ed25519`, `jku`, long tokens, two spaces', proofs: [
    guard('jwt/standards', 'is a media type, in any case and with or without application/ (RFC 7515 §4.1.9): %s', "'application/at+jwt'"),
    guard('jwt/standards', 'is EdDSA with an Ed25519 key, with each name of the key'),
    guard('hostile', 'and a valid one may have header parameters that are not read: %s', 'jku: () =>'),
    guard('jwt/standards', 'may have 10,549 characters, and up to 16 kB'),
    guard('jwt/standards', 'follows its scheme in any case after one or more spaces (RFC 9110 §11.4)'),
  ] },
  { row: 'an RSA key with e = 1', proofs: [guard('jwt/vectors', 'refuses %s', 'an RSA key with the exponent 1')] },
  { row: 'forms that are sent twice', proofs: [
    suite('forms-twice', 'is every form of the route table'),
    suite('forms-twice', 'at %s', "'/sign-in'"),
    suite('forms-twice', 'at %s', "'/sign-out'"),
  ] },
  { row: 'what Kubernetes sets for a Service named latchkey', proofs: [server('config', 'is not what Kubernetes sets for a Service named latchkey')] },
  { row: 'a CORS origin with a wildcard', proofs: [server('config/settings', '%s is read as written and bounded', "'https://*.example.com'")] },
  { row: 'forms of foreign hashes', proofs: [
    server('base/hashing/forms', 'have a vector for every row of the table'),
    server('base/hashing/forms', '%s, %s: match, and are outdated', 'ku2Gy22F240O5jDrF8bdQusB0/3KHIXIsoHcJo0DMAsnRoNQXXB0C'),
  ] },
  { row: 'an app’s own key header beside the session cookie', proofs: [
    server('features/protocols/forward-auth/forward-auth', 'is ignored beside a session cookie: %j'),
    suite('forward-auth', 'lets an app have a credential header for itself beside the session'),
  ] },
  { row: 'a client sends `X-Auth-Role` through nginx', proofs: [
    suite('forward-auth', 'overwrites identity headers that the client sends'),
    suite('forward-auth', 'keeps the cookies of Latchkey from the app, and none of the app’s'),
  ] },
  { row: 'an invitation whose sender was removed', proofs: [
    suite('invitations', 'is invalid while its sender could not grant the role'),
    suite('states', 'the state that is shown is the state that is enforced: %s', 'invitations'),
  ] },
  { row: 'PostgreSQL is frozen', proofs: [suite('operation/outages', 'requests and readiness are answered with 503; afterwards the server serves, on no more connections')] },
  { row: 'the disk is full', proofs: [suite('operation/outages', 'writes get 503, the server is not ready, and both end when there is room again')] },
  { row: 'a deleted account leaves nothing personal', proofs: [
    suite('deletion', 'leaves nothing personal where %s deletes it'),
    suite('deletion', 'leaves nothing of requests by an API key, ended sessions, failed jobs, an import, earlier names, or sign-ins that found no account'),
  ] },
  { row: 'another secret on a used database', proofs: [
    suite('secret-rotation', 'refuses a server with another secret, with the reason, and nothing changes'),
    suite('secret-rotation', 'keeps sessions, tokens, forms and e-mails, before and after everything is sealed again'),
  ] },
  { row: 'bcrypt and what follows byte 72', proofs: [server('base/hashing/hashing', 'never matches what follows byte 72, and neither the longer password of an imported hash')] },
  { row: 'half a header, half a body', proofs: [
    server('base/http/connections', 'half a header ends after 10 seconds, half a request after 30'),
    server('base/http/connections', 'slow headers and slow bodies are 408 in the envelope'),
  ] },
  { row: 'SIGTERM of a node behind a proxy', proofs: [suite('operation/drain', '%s is not ready before it refuses connections, and no request fails, reading or writing')] },
  { row: 'two `Host` fields', proofs: [server('base/http/connections', 'a request with %s for its Host is 400 in the envelope, at every path', 'two')] },
  { row: '`/account/delete` as the only owner', proofs: [server('features/accounts/own/account', 'names the organizations and links to where each gets another owner')] },
  { row: 'the set-up page after `seed`', proofs: [
    server('features/accounts/registration/reserved', 'still works beside sample administrators, and is printed again'),
    server('features/accounts/registration/reserved', 'says at once that there is an administrator'),
  ] },
  { row: 'the curl chapter of README', proofs: [suite('readme', 'README, the tutorial and the guides print what their commands print, read in this order on one server')] },
  { row: 'a key’s name with U+202E', proofs: [
    server('features/access/api-keys/api-keys', 'refuses an invisible character in the words in which people and organizations do'),
    suite('strictness', 'takes no direction mark in a text that is displayed'),
  ] },
  { row: 'one action has one counter', proofs: [suite('operations', 'counts JSON, the form and both compatibility routes together')] },
  { row: '`npm ci` on every platform', proofs: [
    suite('platforms', 'installs on $os $cpu $libc'),
    suite('packages', 'starts without the binaries of bcrypt; a bcrypt hash is then answered as a wrong password'),
  ] },
  { row: '`/dev/outbox.json` right after the answer', proofs: [{ file: 'packages/server/src/core/mail/outbox.test.tsx', title: 'in the testing profile an e-mail is there before the answer of the request that causes it' }] },
  { row: 'an invitation with verification off', proofs: [suite('invitations', 'proves the mailbox by its token where addresses are not verified; the list of invitations does not')] },
  { row: '200 permissions through nginx', proofs: [suite('forward-auth', 'forwards a user with 200 permissions, and the permissions where the configuration requests them')] },
  { row: 'a preflight at a guarded app', proofs: [
    guard('fields', 'is refused by the guard, which tells the operator what to register first'),
    guard('fields', 'reaches the handling of CORS that is registered before the guard, in Fastify'),
  ] },
  { row: 'a database role that may not act as `latchkey_system`', proofs: [suite('operation/start-faults', '%s', 'a role that may not act as latchkey_system')] },
  { row: 'description and logo of an organization', proofs: [suite('organizations', 'are kept, shown, changed and cleared, by owners and admins only')] },
  { row: 'constants that a partial index needs', proofs: [suite('statements', 'plans every statement of the server with an index, for any parameters')] },
] // biome-ignore format: a table

/** The title of a table of tests, as it is written there. */
const REFUSES = `refuses \${name}`
const incident = (title: string, input: string): Proof => suite('incidents', title, input)
export const INCIDENTS: readonly Row[] = [
  { row: 'Better Auth GHSA-g38m-r43w-p2q7', proofs: [
    server('features/signin/federation/linked', 'does not join the pending registration of a stranger, which ends (GHSA-g38m-r43w-p2q7)'),
    incident('the stranger’s password and account are gone after the owner of the address verifies', 'GHSA-g38m-r43w-p2q7'),
    server('features/accounts/registration/registration', 'prevents planted passwords: the first to verify owns the address, rival registrations are deleted'),
  ] },
  { row: 'Casdoor CVE-2026-9092', proofs: [
    server('features/signin/federation/linking', '%s', 'never silently where the provider has not verified the address'),
    server('features/signin/federation/linked', 'tells nothing about its owner where the provider does not vouch for it'),
  ] },
  { row: 'Supabase CVE-2026-31813', proofs: [
    server('features/signin/upstream/upstream', '%s is refused', 'a mixed-up issuer'),
    server('features/signin/upstream/providers', 'of %s that says %j with %j', "['entra', { tid: '99999999-2222-4333-8444-555555555555' }, {}, 'wrong_issuer'"),
    guard('jwt/discovery', 'accepts every tenant whose id is also in the token, with the keys of all tenants (Microsoft Entra)'),
  ] },
  { row: 'authentik CVE-2026-49448', proofs: [server('features/accounts/connected/user-identities', 'never move to another user: no operation edits an identity (authentik CVE-2026-49448)'), suite('isolation', 'fields that name another user are refused by the API, and ignored by forms')] },
  { row: 'authentik CVE-2025-53942', proofs: [
    server('features/oidc/device/rfc8628', 'is nothing where the account was disabled or locked meanwhile (authentik CVE-2025-53942)'),
    server('features/signin/federation/linked', 'a disabled account is refused, and its sessions have ended (authentik CVE-2025-53942)'),
    server('features/signin/passkeys/sign-in', 'a user who is disabled or locked, at once', 'ACCOUNT_DISABLED'),
    incident('are refused immediately, by cookie and bearer, and remain so after the account is enabled again', 'CVE-2025-53942'),
    server('features/access/tokens/tokens', 'a user who is disabled or deleted has no valid tokens, and after being enabled only new ones'),
    server('features/access/api-keys/api-keys', 'belongs to a user who was disabled or deleted: refused at once'),
    suite('administration', '%s ends sessions, tokens and keys'),
  ] },
  { row: 'ZITADEL CVE-2025-46815', proofs: [server('features/signin/federation/federation', 'is accepted once, of fifty at the same time'), incident('a link replayed fifty times concurrently, and again later, succeeds once', 'CVE-2025-46815')] },
  { row: 'authentik CVE-2023-48228', proofs: [server('features/oidc/token/incidents', 'a code with a challenge is refused without its verifier, and is of no use afterwards (authentik CVE-2023-48228)')] },
  { row: 'authentik CVE-2024-52289', proofs: [server('features/oidc/authorize/requests', '%s', 'a trailing dot'), suite('return-to', 'leads to the place, also where the browser is signed out already')] },
  { row: 'Better Auth GHSA-7w99-5wm4-3g79', proofs: [
    server('features/oidc/token/token-endpoint', 'one exchanges a code, and what it got is revoked'),
    suite('races', 'verifies an address once'),
    suite('nodes', 'answer the same refresh token with the same successor'),
  ] },
  { row: 'Better Auth GHSA-pw9m-5jxm-xr6h', proofs: [
    server('features/access/tokens/tokens', 'used again later ends its family, its session and their tokens, and sends the user an e-mail'),
    server('features/access/tokens/tokens', 'that is unknown, malformed or another kind of token is refused alike'),
    suite('hostile-tokens', 'is accepted only where it belongs'),
  ] },
  { row: 'Better Auth CVE-2026-41427', proofs: [server('features/oidc/clients/rights', 'are changed by owners and read by admins, and by no one below'), suite('access-matrix', 'are open to exactly the callers who hold it, and a refusal changes nothing')] },
  { row: 'Pocket ID CVE-2026-28513', proofs: [server('features/oidc/token/incidents', 'only the right one passes: %s (Pocket ID CVE-2026-28513)')] },
  { row: 'Keycloak CVE-2026-9689', proofs: [
    server('base/http/serve/protocol', 'may repeat where the protocol says so, and nowhere else'),
    server('base/http/hostile', 'has no duplicate parameters'),
    server('base/http/hostile', 'has no duplicate fields'),
  ] },
  { row: 'Keycloak CVE-2026-4634', proofs: [server('base/http/serve/protocol', 'have at most 8,192 characters each'), server('features/oidc/authorize/requests', 'a parameter that is sent twice, or is longer than 8,192 characters')] },
  { row: 'Casdoor CVE-2026-9094', proofs: [
    server('features/oidc/exchange/rfc8693', 'that of another app, for another API, of a session, and of no user (Casdoor CVE-2026-9094)'),
    server('features/oidc/exchange/rfc8693', 'that was revoked, or whose session or account has ended (Casdoor CVE-2026-9094)'),
  ] },
  { row: 'authentik CVE-2026-40166', proofs: [suite('stored-secrets', 'are in the answer of no GET, for any caller')] },
  { row: 'jsonwebtoken CVE-2022-23540', proofs: [
    server('features/oidc/token/incidents', 'a token without a signature, or signed with a public key, is inactive (jsonwebtoken CVE-2022-23540)'),
    suite('hostile-tokens', 'is refused in every forged form, and the original is still accepted', 'nOnE'),
    guard('hostile', 'is refused by every consumer: %s', 'HS256'),
  ] },
  { row: 'node-jws GHSA-869p-cjfg-cm3x', proofs: [
    suite('hostile-tokens', 'is refused in every forged form, and the original is still accepted', 'crit'),
    guard('hostile', 'never makes the guard fetch a URL of its header', 'x5u'),
  ] },
  { row: 'ZITADEL CVE-2026-27840', proofs: [
    incident('a session token is accepted only as issued', 'CVE-2026-27840'),
    incident('the token of a link is accepted only as issued, and only for its purpose', 'CVE-2026-27840'),
    server('features/access/api-keys/api-keys', 'is refused with any alteration: truncated, extended, in another case, of another environment'),
  ] },
  { row: 'cross-token confusion', proofs: [
    suite('hostile-tokens', 'is accepted only where it belongs'),
    suite('hostile-tokens', 'of another type, issuer, audience or time is refused even with our signature'),
  ] },
  { row: 'Better Auth GHSA-xg6x-h9c9-2m83', proofs: [
    suite('half-sign-in', 'opens no row, wherever its attempt and cookies are sent', 'second_factor'),
    { file: 'packages/server/src/features/signin/passwords/expired.test.ts', title: 'takes the attempt for nothing else' },
  ] },
  { row: 'passport CVE-2022-25896', proofs: [
    incident('sign-in sets a new session cookie in place of a planted one', 'CVE-2022-25896'),
    incident('a password change issues a new session token and ends the old one', 'CVE-2022-25896'),
    incident('sign-out ends the session on the server, not only in the browser', 'CVE-2022-25896'),
  ] },
  { row: 'Kratos, e-mail code twice', proofs: [
    suite('second-factor-matrix', 'is one factor: %s is followed by the password, and by no further code'),
    server('features/signin/steps/next-step', '%s', 'the mailbox twice is no second factor'),
    server('features/signin/mail-codes/factor', 'twice is one factor: a link and a code do not complete a sign-in that needs two'),
  ] },
  { row: 'Vikunja GHSA-fgfv-pv97-6cmj', proofs: [incident('the counter survives the refused sign-in and a restart', 'GHSA-fgfv-pv97-6cmj')] },
  { row: 'nextjs-auth0 CVE-2025-48947', proofs: [incident('answers that set a cookie or contain personal data have no-store', 'CVE-2025-48947')] },
  { row: 'authentik CVE-2026-25748', proofs: [incident('gets a 401 from the API and a redirect to sign-in from pages', 'CVE-2026-25748')] },
  { row: 'Authelia CVE-2025-24806', proofs: [incident('alice, ALICE, alice@x, a trailing space and compatibility characters are one counter', 'CVE-2025-24806')] },
  { row: 'Oathkeeper GHSA-vhr5-ggp3-qq85', proofs: [
    incident('open nothing to a caller who is not signed in', 'GHSA-vhr5-ggp3-qq85'),
    incident('headers that rewrite path or method are ignored', 'GHSA-vhr5-ggp3-qq85'),
  ] },
  { row: 'Supabase GHSA-3529-5m8x-rpv3', proofs: [incident('every link of every e-mail has the configured public URL', 'GHSA-3529-5m8x-rpv3')] },
  { row: 'next-auth CVE-2022-31127', proofs: [incident('is escaped in e-mails, and absent from subjects', 'CVE-2022-31127')] },
  { row: 'Better Auth CVE-2025-61928', proofs: [
    server('features/access/api-keys/api-keys', 'is created for the caller only, even if the body names another user'),
    server('features/access/api-keys/api-keys', 'requires a recent sign-in; a key cannot create keys'),
  ] },
  { row: 'Hydra GHSA-r9w3-57w2-gch2', proofs: [server('features/accounts/administration/people', 'refuses forged cursors, cursors of other lists, and unknown orders and filters')] },
  { row: 'xml-crypto CVE-2025-29774', proofs: [
    server('features/signin/saml/canon', REFUSES, 'a second SignedInfo that is wrapped'),
    server('features/signin/saml/canon', REFUSES, 'a comment in the digest'),
  ] },
  { row: 'ruby-saml CVE-2024-45409', proofs: [server('features/signin/saml/canon', REFUSES, 'CVE-2024-45409')] },
  { row: 'authentik CVE-2026-41577', proofs: [server('features/signin/saml/response', REFUSES, 'another audience')] },
  { row: 'Keycloak CVE-2026-7307', proofs: [server('base/xml/xml', 'reads hostile text of megabytes once')] },
] // biome-ignore format: a table
