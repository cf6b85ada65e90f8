/**
 * The operator's test of a connection, on the command line: what this server can check without a browser, and where the test
 * sign-in begins. Changes nothing: `tested_at` is set by a test sign-in alone.
 */
import { findConnection } from '../../../core/connections/index.ts'
import { FederationFault, providerOf } from '../../../core/providers/index.ts'
import { fetchIdpMetadata } from '../../../core/saml/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { type ConnectionView, showConnectionByOperator } from '../../organizations/connections/index.ts'
import { checkDiscovery } from '../upstream/index.ts'

export interface ConnectionCheck {
  /** `settings`: it has what it needs. `discovery`: the document and the keys of its issuer. `metadata`, `certificates`: of SAML. */
  check: 'settings' | 'discovery' | 'metadata' | 'certificates'
  /** Why it failed; null: it succeeded. */
  reason: string | null
}

export interface ConnectionReport {
  connection: ConnectionView
  checks: ConnectionCheck[]
  /** The page that begins a test sign-in of an organization's connection, for its owners; null for a server-wide one. */
  test_url: string | null
}

/** Why a request to the provider fails; null: it succeeds. */
async function failureOf(request: Promise<unknown>): Promise<string | null> {
  try {
    await request
    return null
  } catch (error) {
    if (error instanceof FederationFault) return error.sentence
    throw error
  }
}

/** @param name its id or slug. @throws Problem NOT_FOUND */
export async function checkConnectionByOperator(
  tools: Tools,
  organization: string | null,
  name: string,
): Promise<ConnectionReport> {
  const connection = await showConnectionByOperator(tools, organization, name)
  const { id, organization_id, provider, missing, settings } = connection
  const { publicUrl } = tools.config
  const checks: ConnectionCheck[] = [
    { check: 'settings', reason: missing.length === 0 ? null : `It still needs: ${missing.join(', ')}.` },
  ]
  const stored = missing.length === 0 ? await findConnection(tools.db.hot, id) : null
  const { kind } = providerOf(provider)
  if (stored && kind === 'oidc')
    checks.push({ check: 'discovery', reason: await failureOf(checkDiscovery(tools, stored)) })
  const url = settings.saml?.metadata_url
  if (stored && url !== undefined) {
    const fetched = fetchIdpMetadata(tools, stored, url, tools.clock.now())
    checks.push({ check: 'metadata', reason: await failureOf(fetched) })
  }
  if (stored && kind === 'saml') {
    const isUsable = connection.certificates?.some(
      ({ owner, state }) => owner === 'provider' && state === 'current',
    )
    const reason = isUsable ? null : 'No certificate of the provider is in use and unexpired.'
    checks.push({ check: 'certificates', reason })
  }
  return {
    connection,
    checks,
    test_url:
      organization_id === null
        ? null
        : `${publicUrl}/account/organizations/${organization_id}/connections/${id}/test`,
  }
}
