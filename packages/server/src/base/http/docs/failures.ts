/**
 * The failures of operations in the OpenAPI document: one response for each set of codes that operations share, and one
 * example for each code, as base/present writes it.
 */
import type { ProtocolStyle } from '../../call.ts'
import { type CatalogueEntry, ERRORS, type ErrorCode } from '../../errors.ts'
import { OAUTH_ERRORS, SCIM_ERRORS, STYLE_WRITERS } from '../../present/index.ts'
import type { DescribedRow } from '../row/route.ts'
import { errorsOf, grouped, type Schema } from '../row/shapes.ts'
import {
  type DocumentSettings,
  exampleFields,
  exampleProblem,
  type HEADERS,
  headersOf,
  LIMIT_HEADERS,
} from './components.ts'

const text = (description: string): Schema => ({ type: 'string', description })

interface Protocol {
  type: string
  name: string
  failure: Schema
  narrowed(codes: readonly ErrorCode[]): Record<string, Schema>
}
const distinct = (words: readonly (string | undefined)[]) => [
  ...new Set(words.filter((word) => word !== undefined)),
]

/** The bodies of failures by protocol style, and how the codes of one status narrow them. */
export const PROTOCOLS: Readonly<Record<ProtocolStyle, Protocol>> = {
  oauth: {
    type: 'application/json',
    name: 'OAuthError',
    failure: {
      type: 'object',
      description: 'An error of OAuth 2.0 (RFC 6749 §5.2).',
      required: ['error'],
      properties: {
        error: text('The code of the protocol, for programs.'),
        error_description: text('What is wrong, in one sentence of ASCII.'),
      },
    },
    narrowed: (codes) => ({ error: { examples: distinct(codes.map((code) => OAUTH_ERRORS[code])) } }),
  },
  scim: {
    type: 'application/scim+json',
    name: 'ScimError',
    failure: {
      type: 'object',
      description: 'An error of SCIM (RFC 7644 §3.12).',
      required: ['schemas', 'status'],
      properties: {
        schemas: {
          type: 'array',
          description: 'The kind of the message.',
          items: { const: 'urn:ietf:params:scim:api:messages:2.0:Error' },
        },
        status: text('The HTTP status.'),
        scimType: text('The code of the protocol; absent where it defines none.'),
        detail: text('What is wrong, in one sentence.'),
      },
    },
    narrowed: (codes) => ({ scimType: { examples: distinct(codes.map((code) => SCIM_ERRORS[code])) } }),
  },
}

export interface FailureComponents {
  schemas: Record<string, Schema>
  responses: Record<string, unknown>
  examples: Record<string, unknown>
}

/** One response a status, by reference; the responses and examples are added to the components. */
export function failuresOf(
  row: DescribedRow,
  settings: DocumentSettings,
  components: FailureComponents,
): Record<string, { $ref: string }> {
  const byStatus = grouped(errorsOf(row).sort(), (code) => ERRORS[code].status)
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => {
      const name = nameOf(row.style, codes)
      components.responses[name] ??= responseOf(row.style, codes, settings, components)
      return [status, { $ref: `#/components/responses/${name}` }]
    }),
  )
}

/** `NotFound`, `AccountDisabledOrCsrfFailed`; of a protocol, with its name. */
const nameOf = (style: ProtocolStyle | undefined, codes: readonly ErrorCode[]): string => {
  const names = codes.map((code) =>
    code.toLowerCase().replace(/(?:^|_)(\w)/g, (_, first) => first.toUpperCase()),
  )
  return `${style === undefined ? '' : PROTOCOLS[style].name}${names.join('Or')}`
}

function responseOf(
  style: ProtocolStyle | undefined,
  codes: readonly ErrorCode[],
  settings: DocumentSettings,
  components: FailureComponents,
) {
  const protocol = style && PROTOCOLS[style]
  if (protocol) components.schemas[protocol.name] = protocol.failure
  const properties = protocol?.narrowed(codes) ?? {
    error: { properties: { code: { enum: codes }, ...detailsOf(codes) } },
  }
  const schema = {
    allOf: [{ $ref: `#/components/schemas/${protocol?.name ?? 'Failure'}` }, { properties }],
  }
  const examples = Object.fromEntries(
    codes.map((code) => [code, exampleFor(style, code, settings, components)]),
  )
  return {
    description: codes.map((code) => `\`${code}\`: ${ERRORS[code].message}`).join('\n\n'),
    headers: headersOf(
      'X-Request-Id',
      'X-API-Version',
      ...headersFor(ERRORS[codes[0] ?? 'INTERNAL_ERROR'].status),
    ),
    content: {
      [protocol?.type ?? 'application/json']: { schema, examples },
      ...(protocol
        ? {}
        : { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }),
    },
  }
}

function headersFor(status: number): readonly (keyof typeof HEADERS)[] {
  if (status === 401) return ['WWW-Authenticate']
  if (status === 429) return ['Retry-After', ...LIMIT_HEADERS]
  return status === 423 || status === 503 ? ['Retry-After'] : []
}

/** The example of a code in the envelope is shared by all responses; that of a protocol is its own. */
function exampleFor(
  style: ProtocolStyle | undefined,
  code: ErrorCode,
  settings: DocumentSettings,
  { examples }: FailureComponents,
) {
  const problem = exampleProblem(code)
  const body = STYLE_WRITERS[style ?? 'standard'].failure(
    problem,
    exampleFields(problem.status, problem.message, settings),
  )
  const example = { summary: ERRORS[code].message, value: JSON.parse(body) }
  if (style !== undefined) return example
  examples[code] ??= example
  return { $ref: `#/components/examples/${code}` }
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
