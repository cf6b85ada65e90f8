/** What the connection of a set-up link is used for, as a table. */
import { describe, expect, it } from 'vitest'
import { useOf } from './use.ts'

const LINK = { connection_id: 'con_2', domain_ids: ['dom_1'] }
const CONNECTION_ONLY = { connection_id: 'con_2', domain_ids: [] }
const DRAFT = { id: 'con_2', status: 'draft' } as const
const ACTIVE = { id: 'con_2', status: 'active' } as const
const OLDER = { id: 'con_1', status: 'active' } as const
const DISABLED = { id: 'con_1', status: 'disabled' } as const
const NEWER = { id: 'con_3', status: 'active' } as const

const domain = (id: string, connection_id: string | null = null, isVerified = true) => ({
  id,
  domain: `${id}.example.com`,
  connection_id,
  verified_at: isVerified ? new Date(0) : null,
})

describe('the connection of a set-up link', () => {
  it.each([
    ['without any domain', LINK, [DRAFT], [], 'unverified', []],
    ['with its own domain, verified', LINK, [DRAFT], [domain('dom_1')], 'used', ['dom_1']],
    ['with its own domain, not verified', LINK, [DRAFT], [domain('dom_1', null, false)], 'unverified', ['dom_1']],
    ['with its own domain beside another connection', LINK, [OLDER, DRAFT], [domain('dom_1')], 'used', ['dom_1']],
    ['alone, with a domain of the owners', CONNECTION_ONLY, [DRAFT], [domain('dom_9')], 'used', ['dom_9']],
    ['beside another connection to which the domains lead', CONNECTION_ONLY, [OLDER, DRAFT], [domain('dom_9')], 'chosen', []],
    ['older than the active one', CONNECTION_ONLY, [DRAFT, NEWER], [domain('dom_9')], 'chosen', []],
    ['beside another connection without domains', CONNECTION_ONLY, [OLDER, DRAFT], [], 'chosen', []],
    ['where a disabled one was chosen for the only domain', CONNECTION_ONLY, [DISABLED, DRAFT], [domain('dom_9', 'con_1')], 'chosen', []],
    ['that the owners have chosen', CONNECTION_ONLY, [OLDER, ACTIVE], [domain('dom_9', 'con_2')], 'used', ['dom_9']],
    ['whose own domain the owners lead elsewhere', LINK, [OLDER, ACTIVE], [domain('dom_1', 'con_1')], 'chosen', []],
    ['that was not made', { connection_id: null, domain_ids: [] }, [], [domain('dom_9')], 'chosen', []],
  ] as const)('%s', (_, link, connections, domains, state, leading) => {
    const use = useOf(link, connections, domains)
    expect([use.state, use.domains]).toEqual([state, leading.map((id) => `${id}.example.com`)])
    expect(use.verified).toEqual(state === 'used' ? use.domains : [])
  })
}) // biome-ignore format: a table
