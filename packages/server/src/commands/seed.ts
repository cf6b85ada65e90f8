/**
 * `seed`: sample users, organizations and an app, for pages and lists. Passwords and secrets are random and printed once. The addresses
 * end in .example, which is reserved (RFC 2606 §2). Running it again creates only the missing ones.
 */
import { Problem } from '../base/errors.ts'
import { ORGANIZATION_ROLES } from '../core/roles/index.ts'
import type { Tools } from '../core/tools.ts'
import { createUserByOperator } from '../features/accounts/registration/index.ts'
import { clientsByOperator } from '../features/oidc/clients/index.ts'
import { createOrganizationByOperator } from '../features/organizations/organization/index.ts'
import { type Command, type CommandOutcome, done, Failure } from './command.ts'
import { generatePassword } from './password.ts'
import { table } from './terminal.ts'

interface Person {
  name: string
  username: string
  /** By preset, the most powerful first. */
  role: Readonly<Record<'ladder' | 'client-services', string>>
  verified: boolean
}

const roles = (ladder: string, services: string) => ({ ladder, 'client-services': services })
// biome-ignore format: a table
const PEOPLE: readonly Person[] = [
  { name: 'Ines Albrecht', username: 'ines', role: roles('super_admin', 'admin'), verified: true },
  { name: 'Tunde Okafor', username: 'tunde.okafor', role: roles('administrator', 'manager'), verified: true },
  { name: 'Mei-Ling Chen', username: 'meiling', role: roles('manager', 'manager'), verified: true },
  { name: 'Søren Kjær', username: 'soren.kjaer', role: roles('manager', 'employee'), verified: true },
  { name: 'Amélie Dubois', username: 'amelie', role: roles('staff', 'employee'), verified: true },
  { name: 'Rafael Ortega Núñez', username: 'rafa', role: roles('staff', 'employee'), verified: true },
  { name: 'Priya Raghunathan', username: 'priya.r', role: roles('staff', 'client'), verified: true },
  { name: 'Yusuf Demir', username: 'yusuf', role: roles('viewer', 'client'), verified: true },
  { name: '山田 花子', username: 'hanako', role: roles('viewer', 'client'), verified: true },
  { name: 'Siobhán O’Reilly', username: 'siobhan', role: roles('viewer', 'user'), verified: true },
  { name: 'Jakub Wiśniewski', username: 'jakub', role: roles('viewer', 'user'), verified: true },
  { name: 'Layla Haddad', username: 'layla', role: roles('viewer', 'user'), verified: false },
]

const ORGANIZATIONS = [
  { name: 'Northwind Traders', owner: ['ines'], admin: ['tunde.okafor'], member: ['meiling', 'amelie', 'rafa'], guest: ['hanako'] },
  { name: 'Contoso Café', owner: ['soren.kjaer', 'priya.r'], admin: [], member: ['yusuf', 'siobhan'], guest: ['amelie'] },
] as const // biome-ignore format: a table

/** The app of the examples: its redirect URIs are on this machine. */
const APP = {
  client_id: 'acme-portal-001',
  name: 'Acme Portal',
  settings: {
    redirect_uris: ['http://localhost:3000/callback'],
    post_logout_redirect_uris: ['http://localhost:3000/'],
  },
}

export const seed: Command = {
  name: 'seed',
  summary: 'Fill the database with sample users, organizations and an app',
  about: `Creates ${PEOPLE.length} accounts with different roles and random passwords, which are printed once, ${ORGANIZATIONS.length} organizations with these members, and the app ${APP.client_id} with a random secret, printed once too. Refused in production.`,
  on: 'tools',
  run: createSamples,
}

async function createSamples(tools: Tools): Promise<CommandOutcome> {
  if (tools.config.profile === 'production') {
    throw new Failure('Sample users are not permitted in production.', 'REFUSED_IN_PRODUCTION')
  }
  const created: { email: string; password: string; role: string; verified: boolean }[] = []
  const ids = new Map<string, string>()
  for (const { name, username, role, verified } of PEOPLE) {
    const account = {
      email: `${username}@northwind.example`,
      password: generatePassword(),
      role: role[tools.config.rolePreset],
      verified,
    }
    try {
      const { id } = await createUserByOperator(tools, { ...account, username, fullName: name, sample: true })
      ids.set(username, id)
      created.push(account)
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'CONFLICT') throw error
    }
  }
  const app = await createApp(tools)
  const secret = app && `Client: ${app.client_id}\nSecret: ${app.client_secret}`
  if (created.length === 0)
    return done({ users: [], app }, secret ?? 'All sample users already exist.', secret === null ? [] : ONCE)
  const organizations = await createOrganizations(tools, ids)
  const rows = created.map(({ email, password, role, verified }) => [
    email,
    password,
    verified ? role : `${role} (not verified)`,
  ])
  const text = [table(['EMAIL', 'PASSWORD', 'ROLE'], rows), ...(secret === null ? [] : [secret])].join('\n\n')
  return done({ users: created, organizations, app }, text, ONCE)
}

const ONCE = ['Passwords and secrets are shown only once.']

/** Creates the app; null where it exists. */
async function createApp(tools: Tools): Promise<{ client_id: string; client_secret: string | null } | null> {
  try {
    const { client_id, client_secret } = await clientsByOperator.create(tools, null, APP)
    return { client_id, client_secret }
  } catch (error) {
    if (error instanceof Problem && error.code === 'CONFLICT') return null
    throw error
  }
}

/** Creates the organizations whose members are all new, so that they are created once. @returns their names */
async function createOrganizations(tools: Tools, ids: ReadonlyMap<string, string>): Promise<string[]> {
  const names: string[] = []
  for (const { name, ...byRole } of ORGANIZATIONS) {
    const members = ORGANIZATION_ROLES.flatMap((role) =>
      byRole[role].map((username) => ({ userId: ids.get(username) ?? '', role })),
    )
    if (members.some(({ userId }) => userId === '')) continue
    await createOrganizationByOperator(tools, name, members)
    names.push(name)
  }
  return names
}
