/** The OpenAPI 3.1 document, generated from the rows. */
import type { Config } from '../../../config.ts'
import type { ProtocolStyle } from '../../call.ts'
import { type CatalogueEntry, ERRORS, type ErrorCode } from '../../errors.ts'
import { cookieJar, OAUTH_ERRORS, SCIM_ERRORS } from '../../present/index.ts'
import { CSRF_FIELD } from '../request/csrf.ts'
import { type DescribedRow, isDescribed, type Row } from '../row/route.ts'
import { errorsOf, grouped, type Schema, shapeOf } from '../row/shapes.ts'

export interface OpenApi {
  openapi: '3.1.0'
  [member: string]: unknown
  paths: Record<string, Record<string, OpenApiOperation>>
  components: { schemas: Record<string, Schema>; securitySchemes: Record<string, unknown> }
}
export interface OpenApiOperation {
  operationId: string
  [member: string]: unknown
}

const text: Schema = { type: 'string' }
const metadata: Schema = {
  type: 'object',
  required: ['timestamp', 'version', 'request_id'],
  properties: {
    timestamp: { type: 'string', format: 'date-time' },
    version: { const: 'v1' },
    request_id: text,
    next_cursor: {
      type: ['string', 'null'],
      description: 'On lists: the cursor of the next page, null at the end.',
    },
  },
}
const around = {
  request_id: text,
  version: { const: '1.0' },
  metadata: { $ref: '#/components/schemas/Metadata' },
}

const FAILURE: Schema = {
  type: 'object',
  required: ['success', 'code', 'message', 'error', 'request_id', 'version', 'metadata'],
  properties: {
    success: { const: false },
    code: { type: 'integer', description: 'The HTTP status.' },
    message: text,
    error: {
      type: 'object',
      required: ['code', 'type', 'message', 'details'],
      properties: {
        code: { type: 'string', enum: Object.keys(ERRORS) },
        type: { type: 'string', enum: [...new Set(Object.values(ERRORS).map((error) => error.type))] },
        message: text,
        details: {
          anyOf: [
            { type: 'null' },
            { type: 'object', additionalProperties: true },
            { type: 'array', items: { $ref: '#/components/schemas/FieldError' } },
          ],
        },
      },
    },
    ...around,
  },
}
const FIELD_ERROR: Schema = {
  type: 'object',
  required: ['field', 'code', 'message'],
  properties: {
    field: text,
    code: text,
    message: text,
    params: { type: 'object', additionalProperties: true },
  },
}

/** The bodies of failures by protocol style, and how the codes of one status narrow them. */
const PROTOCOLS: Readonly<Record<ProtocolStyle, Protocol>> = {
  oauth: {
    type: 'application/json',
    name: 'OAuthError',
    failure: {
      type: 'object',
      description: 'RFC 6749 §5.2',
      required: ['error'],
      properties: { error: text, error_description: text },
    },
    narrowed: (codes) => ({ error: { examples: distinct(codes.map((code) => OAUTH_ERRORS[code])) } }),
  },
  scim: {
    type: 'application/scim+json',
    name: 'ScimError',
    failure: {
      type: 'object',
      description: 'RFC 7644 §3.12',
      required: ['schemas', 'status'],
      properties: {
        schemas: { type: 'array', items: { const: 'urn:ietf:params:scim:api:messages:2.0:Error' } },
        status: { type: 'string', description: 'The HTTP status.' },
        scimType: text,
        detail: text,
      },
    },
    narrowed: (codes) => ({ scimType: { examples: distinct(codes.map((code) => SCIM_ERRORS[code])) } }),
  },
}
interface Protocol {
  type: string
  name: string
  failure: Schema
  narrowed(codes: readonly ErrorCode[]): Record<string, Schema>
}
const distinct = (words: readonly (string | undefined)[]) => [
  ...new Set(words.filter((word) => word !== undefined)),
]

type Settings = Pick<Config, 'brandName' | 'publicUrl'>

export function openApi(config: Settings, rows: readonly Row[]): OpenApi {
  const schemas: Record<string, Schema> = { Metadata: metadata, Failure: FAILURE, FieldError: FIELD_ERROR }
  const paths: OpenApi['paths'] = {}
  const api = rows.filter(isDescribed)
  for (const row of api) {
    const path = row.path.replace(/:(\w+)/g, '{$1}')
    const operations = paths[path] ?? {}
    operations[row.method.toLowerCase()] = operation(row, schemas)
    paths[path] = operations
  }
  return {
    openapi: '3.1.0',
    info: {
      title: `${config.brandName} API`,
      version: 'v1',
      description:
        'Bodies are shown in the `standard` envelope. `Accept: application/vnd.latchkey.<style>+json` selects another one: `standard`, `meta`, `errors`, `detail`, `problem`. An undeclared member of a body or query is a `VALIDATION_ERROR` with the code `unknown`; `null` and an empty query parameter mean absent, and in a PATCH `null` clears a field that may be null.',
    },
    servers: [{ url: config.publicUrl }],
    tags: [...new Set(api.map((row) => row.tag))].map((name) => ({ name })),
    paths,
    components: { schemas, securitySchemes: securitySchemes(config) },
  }
}

function operation(row: DescribedRow, schemas: Record<string, Schema>): OpenApiOperation {
  const { parameters, body, output, named } = shapeOf(row)
  Object.assign(schemas, named)
  if (row.style) schemas[PROTOCOLS[row.style].name] = PROTOCOLS[row.style].failure
  return {
    operationId: row.name,
    summary: row.summary,
    ...(row.description === undefined ? {} : { description: row.description }),
    tags: [row.tag],
    security: security(row),
    ...(row.needs !== undefined && row.needs !== 'session' && row.needs !== 'caller'
      ? { 'x-permission': row.needs }
      : {}),
    parameters: parameters.map(({ schema: { description, ...schema }, ...parameter }) => ({
      ...parameter,
      ...(description === undefined ? {} : { description }),
      schema,
    })),
    ...(body ? { requestBody: { required: (body.required ?? []).length > 0, content: inBoth(body) } } : {}),
    responses: {
      [row.status ?? 200]: {
        description: 'Success',
        content: contentOf(row, output),
      },
      ...failures(row),
    },
  }
}

/** A form may also have the CSRF token as a field. */
const inBoth = (schema: Schema) => ({
  'application/json': { schema },
  'application/x-www-form-urlencoded': {
    schema: schema.properties
      ? { ...schema, properties: { ...schema.properties, [CSRF_FIELD]: CSRF_FIELD_SCHEMA } }
      : schema,
  },
})
const CSRF_FIELD_SCHEMA: Schema = {
  type: 'string',
  description: 'The CSRF token of a form that a browser sends with a session cookie.',
}

function contentOf(row: DescribedRow, output: Schema): Record<string, { schema: Schema }> {
  const schema = { schema: output }
  if (row.kind === 'download') return Object.fromEntries(row.types.map((type) => [type, schema]))
  if (row.kind === 'stream') return { 'text/event-stream': schema }
  if (row.style) return { [PROTOCOLS[row.style].type]: schema }
  return { 'application/json': row.bare ? schema : { schema: success(row, output) } }
}

const success = (row: DescribedRow, data: Schema): Schema => ({
  type: 'object',
  required: ['success', 'code', 'message', 'data', 'request_id', 'version', 'metadata'],
  properties: {
    success: { const: true },
    code: { const: row.status ?? 200 },
    message: text,
    data,
    ...around,
  },
})

/** One response a status, with its possible codes. */
function failures(row: DescribedRow): Record<string, unknown> {
  const byStatus = grouped(errorsOf(row).sort(), (code) => ERRORS[code].status)
  return Object.fromEntries(
    [...byStatus].map(([status, those]) => [
      status,
      {
        description: those.map((code) => `\`${code}\`: ${ERRORS[code].message}`).join('\n\n'),
        content: failureContent(row.style, those),
      },
    ]),
  )
}

function failureContent(style: ProtocolStyle | undefined, codes: readonly ErrorCode[]) {
  const protocol = style && PROTOCOLS[style]
  const properties = protocol?.narrowed(codes) ?? {
    error: { properties: { code: { type: 'string', enum: codes }, ...detailsOf(codes) } },
  }
  const schema = {
    allOf: [{ $ref: `#/components/schemas/${protocol?.name ?? 'Failure'}` }, { properties }],
  }
  return { [protocol?.type ?? 'application/json']: { schema } }
}

/** The details of the codes of one status; which of them has a member is in its description. */
function detailsOf(codes: readonly ErrorCode[]): { details?: Schema } {
  const properties: Record<string, Schema> = {}
  for (const code of codes) {
    const { details = {} }: CatalogueEntry = ERRORS[code]
    for (const [name, { type, description }] of Object.entries(details)) {
      const those = properties[name]?.description
      properties[name] = {
        type,
        description: `${those === undefined ? '' : `${those} `}\`${code}\`: ${description}`,
      }
    }
  }
  return Object.keys(properties).length === 0 ? {} : { details: { properties } }
}

function security(row: DescribedRow): Record<string, string[]>[] {
  const cookie = row.method === 'GET' ? { session: [] } : { session: [], csrf: [] }
  const key = { api_key: [] }
  const basic = row.takesBasic || (row.kind === 'api' && row.withBasic) ? [{ basic: [] }] : []
  if (row.needs !== undefined)
    return row.needs === 'session' ? [cookie, { bearer: [] }] : [cookie, { bearer: [] }, key, ...basic]
  return [{}, ...basic, ...(row.withKey ? [key] : [])]
}

const securitySchemes = (config: Settings) => ({
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: `${cookieJar(config.publicUrl).prefix}session`,
    description: 'Set by the sign-in. Unsafe methods also need a CSRF token.',
  },
  csrf: {
    type: 'apiKey',
    in: 'header',
    name: 'X-CSRFToken',
    description:
      'From `GET /api/v1/auth/csrf`, or `session.csrf_token` of the sign-in. Alternatives: the header `X-CSRF-Token`, and the field `csrf_token` of a body.',
  },
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'The `token` of the sign-in: `Authorization: Bearer st_…`.',
  },
  api_key: {
    type: 'apiKey',
    in: 'header',
    name: 'X-API-Key',
    description: 'An API key; also as `Authorization: Bearer` or `Authorization: Api-Key`.',
  },
  basic: { type: 'http', scheme: 'basic', description: 'Username or e-mail address, and password.' },
})
