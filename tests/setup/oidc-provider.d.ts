/** What tests and the benchmark use of oidc-provider, which ships no types. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http'

  /** A stored thing. `save` returns its value. */
  interface Model {
    jti: string
    save(ttl?: number): Promise<string>
  }

  type Models = Record<
    'Session' | 'Grant' | 'AccessToken' | 'RefreshToken',
    new (
      members: object,
    ) => Model
  > & { Client: { find(id: string): Promise<object | undefined> } }

  interface Provider extends Models {
    /** Whether the headers of a proxy are believed. */
    proxy: boolean
    callback(): (request: IncomingMessage, response: ServerResponse) => void
  }

  const Provider: new (issuer: string, configuration: object) => Provider
  export default Provider
}
