/**
 * The OpenAPI 3.1 document, generated from the rows: parameters, bodies and answers from their schemas, descriptions
 * and examples from the fields (base/described.ts), failures from the catalogue of errors.
 */
import { STYLE_WRITERS } from '../../present/index.ts'
import { CSRF_FIELD } from '../request/csrf.ts'
import { type ApiRow, type DescribedRow, isDescribed, type Row } from '../row/route.ts'
import { type Schema, type Shape, shapeOf } from '../row/shapes.ts'
import {
  type DocumentSettings,
  ENVELOPE,
  exampleFields,
  HEADERS,
  headersOf,
  introduction,
  LIMIT_HEADERS,
  SHARED_SCHEMAS,
  securitySchemes,
  TAGS,
} from './components.ts'
import { accessOf, curlOf } from './describe.ts'
import { exampleBody, exampleForm, exampleOf, formPartOf, type NamedSchemas } from './examples.ts'
import { type FailureComponents, failuresOf, PROTOCOLS } from './failures.ts'

export interface OpenApi {
  openapi: '3.1.0'
  [member: string]: unknown
  paths: Record<string, Record<string, OpenApiOperation>>
  components: FailureComponents & { headers: typeof HEADERS; securitySchemes: Record<string, unknown> }
}
export interface OpenApiOperation {
  operationId: string
  [member: string]: unknown
}

export function openApi(config: DocumentSettings, rows: readonly Row[]): OpenApi {
  const components: FailureComponents = { schemas: { ...SHARED_SCHEMAS }, responses: {}, examples: {} }
  const paths: OpenApi['paths'] = {}
  const api = rows.filter(isDescribed)
  for (const row of api) {
    const path = row.path.replace(/:(\w+)/g, '{$1}')
    const operations = paths[path] ?? {}
    operations[row.method.toLowerCase()] = operation(row, config, components)
    paths[path] = operations
  }
  return {
    openapi: '3.1.0',
    info: {
      title: `${config.brandName} API`,
      version: 'v1',
      description: introduction(config),
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: config.publicUrl, description: 'This server.' }],
    tags: [...new Set(api.map((row) => row.tag))].map((name) => ({ name, description: TAGS[name] })),
    paths,
    components: { ...components, headers: HEADERS, securitySchemes: securitySchemes(config) },
  }
}

function operation(
  row: DescribedRow,
  config: DocumentSettings,
  components: FailureComponents,
): OpenApiOperation {
  const shape = shapeOf(row)
  Object.assign(components.schemas, shape.named)
  const { body, named } = shape
  return {
    operationId: row.name,
    summary: row.summary,
    description: [row.description, accessOf(row)].filter((text) => text !== undefined).join('\n\n'),
    tags: [row.tag],
    security: security(row),
    ...(row.needs !== undefined && row.needs !== 'session' && row.needs !== 'caller'
      ? { 'x-permission': row.needs }
      : {}),
    'x-codeSamples': [{ lang: 'Shell', label: 'curl', source: curlOf(row, shape, config.publicUrl) }],
    parameters: parametersOf(row, shape),
    ...(body
      ? { requestBody: { required: (body.required ?? []).length > 0, content: bodyOf(row, body, named) } }
      : {}),
    responses: { ...successes(row, shape, config), ...failuresOf(row, config, components) },
  }
}

function parametersOf(row: DescribedRow, { parameters, named }: Shape) {
  const declared = parameters.map(({ schema: { description, ...schema }, ...parameter }) => ({
    ...parameter,
    ...(description === undefined ? {} : { description }),
    schema,
    ...(parameter.required ? { example: exampleOf(schema, named) } : {}),
  }))
  return row.kind === 'stream' ? [...declared, LAST_EVENT_ID] : declared
}

const LAST_EVENT_ID = {
  name: 'Last-Event-ID',
  in: 'header',
  required: false,
  description: 'The id of the last event that was received: the stream continues after it.',
  schema: { type: 'string' },
}

/** Of a protocol the body is either a form or JSON. */
function bodyOf(row: DescribedRow, schema: Schema, named: NamedSchemas) {
  const form = row.kind === 'protocol' && !row.takesJson ? formPartOf(schema, named) : null
  if (form !== null)
    return { 'application/x-www-form-urlencoded': { schema: form, example: exampleForm(form, named) } }
  return row.kind === 'protocol'
    ? { 'application/json': { schema, example: exampleBody(schema, named) } }
    : inBoth(schema, named)
}

/** A form has fields of text alone, and may have the CSRF token as one: where a list is required, there is no form. */
function inBoth(schema: Schema, named: NamedSchemas) {
  const json = { schema, example: exampleBody(schema, named) }
  const form = formPartOf(schema, named)
  if (form === null) return { 'application/json': json }
  const properties = { ...form.properties, [CSRF_FIELD]: CSRF_FIELD_SCHEMA }
  return {
    'application/json': json,
    'application/x-www-form-urlencoded': {
      schema: { ...form, properties },
      example: exampleForm(form, named),
    },
  }
}
const CSRF_FIELD_SCHEMA: Schema = {
  type: 'string',
  description: 'The CSRF token of a form that a browser sends with a session cookie.',
}

function successes(row: DescribedRow, shape: Shape, config: DocumentSettings): Record<string, unknown> {
  const answered = (status: number, description: string, more: readonly (keyof typeof HEADERS)[] = []) => ({
    [status]: {
      description,
      headers: {
        ...headersOf('X-Request-Id', 'X-API-Version', ...(row.anonymous ? [] : LIMIT_HEADERS), ...more),
        ...(row.kind === 'api' ? ownHeaders(row) : {}),
      },
      content: contentOf(row, shape, { ...config, status }),
    },
  })
  if (row.kind === 'download') return answered(200, 'The file, as a download.', ['Content-Disposition'])
  if (row.kind === 'stream') return answered(200, 'The events.')
  return { ...answered(row.status ?? 200, row.message), ...(row.kind === 'api' ? otherAnswers(row) : {}) }

  function otherAnswers({ alsoAnswers, redirectRefused, browsers }: ApiRow) {
    return {
      ...(alsoAnswers ? answered(alsoAnswers.status, alsoAnswers.when) : {}),
      ...(redirectRefused ? { 303: REDIRECT } : {}),
      ...(browsers ? { 302: redirectTo(browsers.leadsTo) } : {}),
    }
  }
}

const ownHeaders = ({ answerHeaders = {} }: DescribedRow & { kind: 'api' }) =>
  Object.fromEntries(
    Object.entries(answerHeaders).map(([name, { description, example }]) => [
      name,
      { description, schema: { type: 'string' }, example },
    ]),
  )

const REDIRECT = {
  description: 'With `redirect=1`, for a browser that is not signed in: to the sign-in page.',
  headers: {
    Location: { description: 'The address of the sign-in page.', schema: { type: 'string', format: 'uri' } },
  },
}

const redirectTo = (description: string) => ({
  description,
  headers: {
    ...headersOf('X-Request-Id', ...LIMIT_HEADERS),
    Location: { description, schema: { type: 'string', format: 'uri' } },
  },
})

function contentOf(
  row: DescribedRow,
  { output, parameters, named }: Shape,
  config: DocumentSettings & { status: number },
) {
  const media = { schema: output, example: exampleOf(output, named) }
  if (row.kind === 'protocol' && output.type === 'null') return undefined
  if (row.kind === 'download') return Object.fromEntries(row.types.map((type) => [type, media]))
  if (row.kind === 'stream') return { 'text/event-stream': media }
  if (row.style) return { [PROTOCOLS[row.style].type]: media }
  if (row.bare) return { 'application/json': media }
  const { status } = config
  const isList = parameters.some(({ name }) => name === 'cursor')
  const example = STYLE_WRITERS.standard.success(JSON.stringify(media.example), {
    ...exampleFields(status, row.message, config),
    ...(isList ? { nextCursor: null } : {}),
  })
  return { 'application/json': { schema: success(status, output), example: JSON.parse(example) } }
}

const success = (status: number, data: Schema): Schema => ({
  type: 'object',
  required: ['success', 'code', 'message', 'data', 'request_id', 'version', 'metadata'],
  properties: {
    success: { const: true, description: 'Always true.' },
    code: { const: status, description: 'The HTTP status.' },
    data: { description: data.type === 'null' ? 'Always null.' : 'What the operation returns.', ...data },
    ...ENVELOPE,
  },
})

function security(row: DescribedRow): Record<string, string[]>[] {
  const cookie = row.method === 'GET' ? { session: [] } : { session: [], csrf: [] }
  const key = { api_key: [] }
  const basic = row.takesBasic || (row.kind === 'api' && row.withBasic) ? [{ basic: [] }] : []
  if (row.needs !== undefined)
    return row.needs === 'session' ? [cookie, { bearer: [] }] : [cookie, { bearer: [] }, key, ...basic]
  return [{}, ...basic, ...(row.withKey ? [key] : [])]
}
