/** `organizations …` on the tools of a running server, as the control socket runs them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Company, enrolFactor, pathOf, startCompany } from '../features/organizations/policy/testing.ts'
import { startWorld, type World } from '../testing/world.ts'
import type { Args, Command } from './command.ts'
import { organizationsCompliance, policySet, policyShow } from './organizations.ts'

let world: World
let company: Company
beforeAll(async () => {
  world = await startWorld()
  company = await startCompany(world)
  await enrolFactor(world, company.admin, 'totp')
})
afterAll(() => world.stop())

const TERMINAL = { commands: [], interactive: false, json: true, readStdin: async () => '' }
async function run(command: Command, name: string, values: Args['values'] = {}) {
  if (command.on !== 'tools') throw new Error('not on the tools')
  const args = { values, positionals: [name] }
  await command.prepare?.(args, TERMINAL)
  const { json, text } = await command.run(world.app.tools, args)
  // biome-ignore lint/suspicious/noExplicitAny: what a command prints is looked into freely
  return { json: json as any, text }
}

describe('the policy of an organization on the command line', () => {
  it('is shown and set by id or slug, and recorded as the operator’s', async () => {
    const shown = await run(policyShow, company.id)
    expect(shown.json.policy).toMatchObject({ mode: 'disabled', version: 0 })
    const set = await run(policySet, shown.json.organization.slug, {
      mode: 'require_any',
      'grace-days': '3',
      'notify-days-before': '2',
      'allowed-methods': 'totp,passkey',
      'session-absolute': '8h',
      'password-profile': 'nist',
    })
    expect(set.json.policy).toMatchObject({
      mode: 'require_any',
      grace_days: 3,
      notify_days_before: 2,
      allowed_methods: ['totp', 'passkey'],
      session_absolute: '8h',
      password_profile: 'nist',
      version: 1,
    })
    expect(set.text).toContain('Members: 4 (')
    expect((await company.owner.client.get(pathOf(company.id))).data).toMatchObject({
      version: 1,
      grace_days: 3,
    })
    const cleared = await run(policySet, company.id, {
      'session-absolute': 'none',
      'password-profile': 'none',
    })
    expect(cleared.json.policy).toMatchObject({ session_absolute: null, password_profile: null, version: 2 })
    const log = await company.owner.client.get(
      `${pathOf(company.id, 'audit-logs')}?event_type=organization.security_policy.changed`,
    )
    expect(log.data.map((one: { details: { by: string } }) => one.details.by)).toEqual([
      'operator',
      'operator',
    ])
  })

  it.each<[string, Args['values']]>([
    ['a mode that does not exist', { mode: 'strict' }],
    ['days that are none', { 'grace-days': 'many' }],
    ['methods that do not exist', { 'allowed-methods': 'sms' }],
    ['a policy that no member could satisfy', { mode: 'require_totp', 'allowed-methods': 'passkey' }],
  ])('refuses %s', async (_, values) => {
    await expect(run(policySet, company.id, values)).rejects.toMatchObject({ code: 'VALIDATION_ERROR' })
  })

  it('requires a field to change and an organization that exists', async () => {
    await expect(run(policySet, company.id)).rejects.toThrow('Name at least one field')
    await expect(run(policyShow, 'nowhere')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(run(organizationsCompliance, 'nowhere')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})

describe('the compliance report', () => {
  it('lists members with their states, as a table, as CSV and as JSON', async () => {
    await run(policySet, company.id, { mode: 'require_any' })
    const all = await run(organizationsCompliance, company.id)
    expect(all.json.members).toHaveLength(4)
    expect(all.text).toMatch(new RegExp(`${company.admin.email}\\s+compliant\\s+totp`))
    const csv = await run(organizationsCompliance, company.id, { state: 'compliant', csv: true })
    expect(csv.text.split('\r\n')).toEqual([
      'user_id,username,full_name,email,state,methods,due_at,mfa',
      expect.stringContaining(`${company.admin.id},`),
    ])
    expect((await run(organizationsCompliance, company.id, { state: 'suspended' })).text).toMatch(
      /no such members/,
    )
    await expect(run(organizationsCompliance, company.id, { state: 'late' })).rejects.toThrow('--state takes')
  })
})
