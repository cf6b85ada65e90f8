/** For tests: sends a request through a guard without a framework, and reads the answer. */
import {
  createGuard,
  currentPrincipal,
  type Guard,
  type GuardOptions,
  type Principal,
  type Problem,
  type Rule,
} from '../index.ts'

export interface Probe {
  guard: Guard
  /** The reasons of refusals so far, the latest last. */
  reasons: (string | undefined)[]
  problems: Problem[]
  send(headers?: Record<string, string>, options?: SendOptions): Promise<ProbeResponse>
  bearer(token: string, options?: SendOptions): Promise<ProbeResponse>
}

export interface SendOptions {
  rule?: Rule
  method?: string
  url?: string
  body?: string
}

/** The members of an answer, in any style, that tests read. */
export interface Body {
  success?: boolean
  code?: string | number
  message?: string
  request_id?: string
  detail?: string
  error?: { code?: string; type?: string; message?: string; details?: Record<string, unknown> | null }
  errors?: unknown
  data?: unknown
  [member: string]: unknown
}

export interface ProbeResponse {
  status: number
  principal: Principal | null
  headers: Headers
  text: string
  body: Body
  code: string | undefined
}

export function probe(options: GuardOptions): Probe {
  const problems: Problem[] = []
  const guard = createGuard({ onProblem: (problem) => void problems.push(problem), ...options })
  const send: Probe['send'] = async (headers = {}, { rule, method = 'GET', url = '/', body } = {}) => {
    let principal: Principal | null = null
    const handler = guard.web(() => {
      principal = currentPrincipal()
      return new Response('{}')
    }, rule)
    const request = new Request(`http://app.test${url}`, { method, headers, ...(body ? { body } : {}) })
    const response = await handler(request)
    const text = await response.text()
    const read = JSON.parse(text || '{}') as Body
    return {
      status: response.status,
      principal,
      headers: response.headers,
      text,
      body: read,
      code: read.error?.code,
    }
  }
  return {
    guard,
    problems,
    get reasons() {
      return problems.map(({ reason }) => reason)
    },
    send,
    bearer: (token, more) => send({ authorization: `Bearer ${token}` }, more),
  }
}
