/** `GET auth/validate`: the principal of a credential, as JSON and as headers. */
import { lacking } from '@latchkey/guard'
import { z } from 'zod'
import { acrOf } from '../../../base/assurance.ts'
import type { Call, Principal } from '../../../base/call.ts'
import {
  described,
  EXAMPLE_LATER,
  EXAMPLE_TIME,
  exampleId,
  idField,
  textList,
  textOrNull,
  timeOrNull,
} from '../../../base/described.ts'
import { problem } from '../../../base/errors.ts'
import { PermissionName } from '../../../base/fields.ts'
import { type Answer, type Row, route } from '../../../base/http/row/route.ts'
import type { Tools } from '../../../core/tools.ts'
import type { CheckedUser } from '../../signin/door/index.ts'
import { checkPassword, passwordOperations } from '../../signin/passwords/index.ts'
import { authHeader, authHeaders, headerCase, LARGE } from './headers.ts'
import { forwardAuthOperations } from './operations.ts'
import { signInRedirect } from './sign-in-redirect.ts'

const Validity = z.object({
  user_id: idField('usr', 'The user whom the credential speaks for.'),
  username: textOrNull('The username; null for none.', 'ada'),
  role: textOrNull(
    'The primary role: of all `roles` the one with the lowest rank; null without roles.',
    'viewer',
  ),
  roles: textList('All roles of the user at the server.', 'viewer'),
  permissions: textList(
    'What the credential may do at the server, each as `resource:action`; `*` for any.',
    'analytics:read',
    'dashboard:read',
  ),
  method: described(z.enum(['session', 'access_token', 'api_key', 'basic']), 'The kind of the credential.'),
  session_id: textOrNull('The session; null for an API key and for Basic.', exampleId('ses')),
  key_id: textOrNull('The API key; null for other credentials.', null),
  organization_id: textOrNull('The organization that the credential acts in; null for none.', null),
  organization_role: textOrNull('The role of the user in that organization; null without one.', null),
  organization_permissions: textList('What the credential may do in that organization; empty without one.'),
  token_id: textOrNull('The `jti` of the access token; null for other credentials.', null),
  authenticated_at: timeOrNull(
    'When the user last proved their identity; null for an API key.',
    EXAMPLE_TIME,
  ),
  expires_at: timeOrNull('When the credential expires; null for never, and for Basic.', EXAMPLE_LATER),
  amr: textList('How the user proved their identity (RFC 8176): `pwd` …; empty for an API key.', 'pwd'),
  acr: textOrNull(
    'The level of those proofs together: `aal1` one factor, `aal2` two, `aal2-phr` two of which one resists phishing; null for an API key.',
    'aal1',
  ),
})
type Validity = z.infer<typeof Validity>

/** The headers of the answer, as the OpenAPI document describes them: those of the members of the body. */
const AUTH_HEADERS = Object.fromEntries(
  Object.entries(Validity.shape).map(([member, schema]) => {
    const { description = '', samples = [] } = schema.meta() ?? {}
    const isLarge = (LARGE as readonly string[]).includes(member)
    const more = isLarge ? ' Empty unless `headers` names it.' : ''
    const [sample] = isLarge ? [] : (samples as unknown[])
    const example = authHeaders({ [member]: (sample ?? null) as string | null }, [])[authHeader(member)] ?? ''
    return [headerCase(authHeader(member)), { description: `${description}${more}`, example }]
  }),
)

/** A list in one query parameter, because a query may contain each name only once. */
const listOf = <T extends string>(member: z.ZodType<T, string>) =>
  z
    .string()
    .max(1000)
    .transform((text) => text.split(/[\s,]+/).filter(Boolean))
    .pipe(z.array(member).max(20))

/**
 * A list of which something is required. An empty one is an error: the variable of a proxy's configuration that is not
 * set would otherwise admit everyone.
 */
const requirementOf = <T extends string>(member: z.ZodType<T, string>) =>
  listOf(member).refine((list) => list.length > 0, {
    error: () => 'Name what is required, or leave the parameter out: an empty one would admit everyone.',
    params: { code: 'empty' },
  })

const ValidateQuery = z.object({
  require: requirementOf(PermissionName)
    .optional()
    .meta({
      description:
        'Permissions, separated by commas, of which the credential must have all; otherwise the answer is 403. Not empty.',
      samples: ['dashboard:read'],
    }),
  role: requirementOf(
    z
      .string()
      .max(63)
      .regex(/^[a-z][a-z0-9_-]*$/, { error: () => 'Use names of roles, separated by commas.' }),
  )
    .optional()
    .meta({
      description:
        'Roles, separated by commas, of which the user must have one; otherwise the answer is 403. Not empty.',
      samples: ['viewer,staff'],
    }),
  headers: listOf(z.enum(LARGE))
    .optional()
    .meta({
      description:
        'Lists that are also returned in a header, separated by commas: `permissions`, `organization_permissions`.',
      samples: ['permissions'],
    }),
  redirect: z
    .enum(['0', '1'])
    .optional()
    .describe(
      '`1`: a browser that is not signed in is redirected to the sign-in page (303), and back afterwards where its origin is registered.',
    ),
})

export function forwardAuthRoutes(tools: Tools): Row[] {
  const known = knownAnswers(tools)
  return [
    route({
      of: forwardAuthOperations.validate,
      method: 'GET',
      path: '/api/v1/auth/validate',
      description:
        'Accepts a session, an access token, an API key, or HTTP Basic with username and password, which counts as a guess and is limited as a sign-in. Returns its user, method, expiry and permissions in the body and in `X-Auth-*` headers (`X-Auth-User-Id`, `X-Auth-Roles` …), so that a reverse proxy can check each request; lists of permissions are in a header only where `headers` names them. A credential header of another form than Latchkey’s is ignored beside a session cookie. `require` and `role` add a check of permissions and roles.',
      tag: 'Authentication',
      message: 'Credential checked.',
      input: ValidateQuery,
      output: Validity,
      answerHeaders: AUTH_HEADERS,
      redirectRefused: (request, refusal) => signInRedirect(tools, request, refusal),
      ignoresForeign: true,
      notEmpty: ['require', 'role'],
      withBasic: {
        as: passwordOperations.login,
        run: async (call, query, { username, password }) => {
          const checked = await checkPassword(tools, call, { identifier: username, password })
          return permitted(answerOf(validityOfPassword(tools, call, checked)), query)
        },
      },
      keepsText: true,
      run: (call, query) => permitted(known(call), query),
    }),
    route({
      of: forwardAuthOperations.validate,
      name: 'auth.validate.unsafe',
      method: 'POST',
      path: '/api/v1/auth/validate',
      description:
        'The same check for an unsafe request: under a session cookie it requires the CSRF token of the session, in `X-CSRF-Token` or `X-CSRFToken`. For an app that accepts the cookie, such as one behind `@latchkey/guard`. Changes nothing.',
      tag: 'Authentication',
      message: 'Credential checked.',
      ignoresForeign: true,
      input: z.object({}),
      output: Validity,
      run: (call) => ({ data: validityOf(tools, call) }),
    }),
  ]
}

type CheckAnswer = Answer<Validity>

const answerOf = (validity: Validity): CheckAnswer => ({ data: validity, headers: authHeaders(validity, []) })

/** The same object for the same caller: checks of credentials return a caller's principal again while nothing changed. */
function knownAnswers(tools: Pick<Tools, 'roles'>): (call: Call) => CheckAnswer {
  const kept = new WeakMap<
    Principal,
    Pick<Call, 'session' | 'organization'> & { roles: object; answer: CheckAnswer }
  >()
  return (call) => {
    const { principal, session, organization } = call
    if (!principal) throw problem('AUTHENTICATION_REQUIRED')
    const roles = tools.roles.all()
    const found = kept.get(principal)
    if (found?.session === session && found.organization === organization && found.roles === roles)
      return found.answer
    const answer = answerOf(validityOf(tools, call))
    kept.set(principal, { session, organization, roles, answer })
    return answer
  }
}

/** @throws Problem INSUFFICIENT_PERMISSIONS */
function permitted(
  answer: CheckAnswer,
  { require = [], role = [], headers = [] }: z.infer<typeof ValidateQuery>,
): CheckAnswer {
  const { data } = answer
  const missing = lacking(data.permissions, require)
  if (missing !== undefined) throw problem('INSUFFICIENT_PERMISSIONS', { details: { required: missing } })
  if (role.length > 0 && !role.some((name) => data.roles.includes(name)))
    throw problem('INSUFFICIENT_PERMISSIONS', { details: { required_roles: role } })
  return headers.length === 0 ? answer : { data, headers: authHeaders(data, headers) }
}

/** HTTP Basic: the user of the password, in no organization. */
const validityOfPassword = (
  { roles }: Pick<Tools, 'roles'>,
  { now }: Call,
  { user, proof }: CheckedUser,
): Validity => ({
  user_id: user.id,
  username: user.username,
  role: roles.primaryOf(user.roles),
  roles: [...user.roles],
  permissions: [...roles.permissionsOf(user.roles)],
  method: 'basic',
  session_id: null,
  key_id: null,
  organization_id: null,
  organization_role: null,
  organization_permissions: [],
  token_id: null,
  authenticated_at: now.toISOString(),
  expires_at: null,
  amr: [...proof.amr],
  acr: acrOf([proof]),
})

function validityOf({ roles }: Pick<Tools, 'roles'>, { principal, session, organization }: Call): Validity {
  if (!principal) throw problem('AUTHENTICATION_REQUIRED')
  return {
    user_id: principal.userId,
    username: principal.username,
    role: roles.primaryOf(principal.roles),
    roles: [...principal.roles],
    permissions: [...principal.permissions],
    method: principal.method,
    session_id: session?.id ?? null,
    key_id: principal.keyId,
    organization_id: organization?.id ?? null,
    organization_role: organization?.role ?? null,
    organization_permissions: [...(organization?.permissions ?? [])],
    token_id: principal.tokenId,
    authenticated_at: session?.authenticatedAt.toISOString() ?? null,
    expires_at: (principal.expiresAt ?? session?.expiresAt)?.toISOString() ?? null,
    amr: [...principal.amr],
    acr: session?.acr ?? null,
  }
}
