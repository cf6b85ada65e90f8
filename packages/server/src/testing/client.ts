/** An HTTP client of tests, as an app would write it: JSON over fetch, with a cookie jar and the CSRF token. */

/** JSON as received; tests read it without types. */
// biome-ignore lint/suspicious/noExplicitAny: the answer of a foreign server has no type here
export type Json = any

export interface Reply {
  status: number
  headers: Headers
  /** The whole body: parsed JSON, or the text of any other type. */
  body: Json
  /** The envelope's `data`, for the standard style. */
  data: Json
  /** `error.code` of the standard style. */
  code: string | undefined
  text: string
}

export interface Request {
  headers?: Record<string, string>
  /** Sent as a form instead of JSON. */
  form?: boolean
}

export class Client {
  readonly cookies = new Map<string, string>()
  csrfToken: string | null = null
  readonly url: string
  readonly headers: Record<string, string>

  constructor(url: string, options: { headers?: Record<string, string> } = {}) {
    this.url = url
    this.headers = options.headers ?? {}
  }

  get = (path: string, request: Request = {}) => this.send('GET', path, undefined, request)
  post = (path: string, body: unknown = {}, request: Request = {}) => this.send('POST', path, body, request)
  put = (path: string, body: unknown, request: Request = {}) => this.send('PUT', path, body, request)
  patch = (path: string, body: unknown, request: Request = {}) => this.send('PATCH', path, body, request)
  delete = (path: string, body?: unknown, request: Request = {}) => this.send('DELETE', path, body, request)

  async send(method: string, path: string, body: unknown, request: Request = {}): Promise<Reply> {
    const headers: Record<string, string> = { ...this.headers, ...request.headers }
    if (this.cookies.size > 0)
      headers.cookie ??= [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    if (this.csrfToken !== null && method !== 'GET') headers['x-csrf-token'] ??= this.csrfToken
    let payload: string | undefined
    if (body !== undefined) {
      const isForm = request.form === true
      headers['content-type'] ??= isForm ? 'application/x-www-form-urlencoded' : 'application/json'
      payload =
        typeof body === 'string'
          ? body
          : isForm
            ? new URLSearchParams(body as Record<string, string>).toString()
            : JSON.stringify(body)
    }
    const response = await fetch(this.url + path, {
      method,
      headers,
      redirect: 'manual',
      ...(payload === undefined ? {} : { body: payload }),
    })
    this.#keepCookies(response.headers.getSetCookie())
    const text = await response.text()
    const parsed = /[/+]json(?:;|$)/.test(response.headers.get('content-type') ?? '')
      ? JSON.parse(text)
      : text
    return {
      status: response.status,
      headers: response.headers,
      body: parsed,
      data: parsed?.data,
      code: parsed?.error?.code,
      text,
    }
  }

  /** Creates an API key of the signed-in user, by default with all permissions. @throws if it is refused */
  async apiKey(
    fields: Record<string, unknown> = {},
  ): Promise<{ id: string; secret: string; client: Client }> {
    const { status, data, text } = await this.post('/api/v1/auth/api-keys', {
      name: 'a program',
      permissions: ['*'],
      ...fields,
    })
    if (status !== 201) throw new Error(`no API key: ${text}`)
    const client = new Client(this.url, { headers: { 'x-api-key': data.api_key } })
    return { id: data.key_id, secret: data.api_key, client }
  }

  /** Signs in and keeps the session and its CSRF token. @throws if the sign-in fails */
  async signIn(identifier: string, password: string, more: Record<string, unknown> = {}): Promise<Reply> {
    const reply = await this.post('/api/v1/auth/login', { username: identifier, password, ...more })
    if (reply.status !== 200) throw new Error(`sign-in failed with ${reply.status}: ${reply.text}`)
    this.csrfToken = reply.data.session.csrf_token
    return reply
  }

  #keepCookies(lines: string[]): void {
    for (const line of lines) {
      const [pair = '', ...attributes] = line.split(';')
      const at = pair.indexOf('=')
      const [name, value] = [pair.slice(0, at).trim(), pair.slice(at + 1)]
      if (value === '' || attributes.some((attribute) => /max-age=0/i.test(attribute)))
        this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
  }
}
