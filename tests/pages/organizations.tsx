/** Fixtures: the hosted pages of organizations with plausible contents, for samples.tsx. */
import type { VNode } from 'preact'
import type { Locale } from '../../packages/server/src/base/call.ts'
import { problem } from '../../packages/server/src/base/errors.ts'
import { formState } from '../../packages/server/src/base/page/index.ts'
import type { Shell } from '../../packages/server/src/features/organizations/frame/index.ts'
import {
  Invitation,
  InvitationDeclined,
  InvitationInvalid,
  type InvitationProps,
} from '../../packages/server/src/features/organizations/invitations/invited-views.tsx'
import { Invitations } from '../../packages/server/src/features/organizations/invitations/views.tsx'
import {
  Leave,
  Member,
  type MemberItem,
  Members,
  Transfer,
} from '../../packages/server/src/features/organizations/members/views.tsx'
import { Organizations, Start } from '../../packages/server/src/features/organizations/mine/views.tsx'
import {
  DeleteOrganization,
  Overview,
  Settings,
} from '../../packages/server/src/features/organizations/organization/views.tsx'
import {
  CustomRole,
  OrganizationRoleList,
  type RoleItem,
} from '../../packages/server/src/features/organizations/roles/views.tsx'
import { connectionPages } from './connections.tsx'
import { domainPages } from './domains.tsx'
import { policyPages } from './policies.tsx'

const LONG = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft'.padEnd(
  100,
  'xyz',
)

const shell: Shell = {
  id: 'org_1',
  name: 'Acme',
  permissions: ['*'],
  notice: null,
  refused: null,
  isBypassing: false,
}
const guest: Shell = { ...shell, name: LONG, permissions: ['organization:read'] }
const described: ReadonlyMap<string, string> = new Map([['invoices:pay', 'Pay what is due.']])

const role = (name: string, permissions: string[], more: Partial<RoleItem> = {}): RoleItem => ({
  name,
  description: null,
  permissions,
  inherits: null,
  effective: permissions,
  mayChange: false,
  ...more,
})
const profile = {
  description: `${LONG}\nSecond line.`,
  logoUrl: `https://cdn.example.com/${'a'.repeat(200)}.png`,
}
const undescribed = { description: null, logoUrl: null }
const accountant = role('accountant', ['invoices:pay'], {
  description: 'Pays what is due, and on time.',
  inherits: 'member',
  effective: ['invoices:pay', 'members:read', 'organization:read', 'roles:read'],
  mayChange: true,
})
const builtIn = [
  role('owner', ['*']),
  role('admin', ['members:read', 'members:remove', 'members:update']),
  role('member', ['members:read']),
  role('guest', []),
]
const choices = {
  permissions: ['members:read', 'invoices:pay', 'a:b'],
  inherits: ['guest', 'member'],
  described,
}

function members(now: Date): MemberItem[] {
  const one = {
    username: null,
    email: 'grace@example.com',
    role: 'owner',
    joinedAt: now,
    isYou: false,
    mfa: 'inherit' as const,
  }
  return [
    { ...one, id: 'usr_1', fullName: 'Grace Hopper', isYou: true },
    { ...one, id: 'usr_2', fullName: LONG, email: `${LONG.slice(0, 60)}@example.com`, role: 'accountant' },
    ...Array.from({ length: 58 }, (_, i) => ({ ...one, id: `usr_${i + 3}`, fullName: null, role: 'member' })),
  ]
}

const listed = (now: Date) => {
  const one = {
    id: 'org_1',
    name: 'Acme',
    role: 'owner',
    isActive: true,
    mayOpen: true,
    restorableUntil: null,
  }
  const invitation = {
    id: 'inv_1',
    organization: 'Bletchley',
    inviter: 'Alan',
    role: 'guest',
    expiresAt: now,
  }
  return {
    organizations: [
      one,
      { ...one, id: 'org_2', name: LONG, role: 'member', isActive: false },
      { ...one, id: 'org_3', name: 'Old', isActive: false, restorableUntil: now },
      { ...one, id: 'org_4', name: 'Closed', role: 'visitor', isActive: false, mayOpen: false },
    ],
    invitations: [invitation, { ...invitation, id: 'inv_2', organization: LONG, inviter: null }],
    more: '/account/organizations?cursor=x',
    first: null,
    mayCreate: true,
    isPartial: false,
    notice: null,
    refused: null,
  }
}

const refused = problem('VALIDATION_ERROR', {
  details: [
    { field: 'name', code: 'required', message: 'x' },
    { field: 'slug', code: 'invalid', message: 'x' },
    { field: 'email', code: 'email', message: 'x' },
  ],
})

export function organizationSamples(
  locale: Locale,
  now: Date,
): { name: string; page: VNode; isStranger: boolean }[] {
  const again = (typed: Record<string, string>) => formState(locale, typed, refused)
  const all = members(now)
  const [owner, other] = all as [MemberItem, MemberItem]
  const sent = { id: 'inv_1', email: 'ada@example.com', role: 'member', inviter: 'Grace Hopper', sentAt: now }
  const invitations = [
    { ...sent, expiresAt: now, state: 'open' as const },
    { ...sent, id: 'inv_2', email: other.email, inviter: null, expiresAt: now, state: 'expired' as const },
    { ...sent, id: 'inv_3', email: 'c@example.com', expiresAt: now, state: 'void' as const },
  ]
  const invitation: Omit<InvitationProps, 'next'> = {
    id: 'inv_1',
    token: 'inv_1.secret',
    organization: LONG,
    inviter: 'Grace Hopper',
    email: 'ada@example.com',
    role: 'member',
    expiresAt: now,
  }
  const roles = ['owner', 'admin', 'member', 'guest', 'accountant']
  const signedIn: Record<string, VNode> = {
    organizations: <Organizations {...listed(now)} />,
    'organizations-none': (
      <Organizations
        {...listed(now)}
        organizations={[]}
        invitations={[]}
        more={null}
        notice="x"
        {...again({})}
      />
    ),
    'organizations-partial': <Organizations {...listed(now)} invitations={[]} isPartial />,
    'organizations-start': (
      <Start
        email="ada@example.com"
        invitations={listed(now).invitations}
        mayCreate
        returnTo="/account"
        refused={null}
      />
    ),
    'organizations-start-none': (
      <Start
        email="ada@example.com"
        invitations={[]}
        mayCreate={false}
        returnTo="/account"
        refused="The invitation is no longer open."
      />
    ),
    organization: (
      <Overview
        shell={shell}
        slug="acme"
        signInAddress="https://id.example.com/sign-in/o/acme"
        {...profile}
        createdAt={now}
        yourRole="owner"
        isActive
        described={described}
      />
    ),
    'organization-guest': (
      <Overview
        shell={guest}
        slug="acme"
        signInAddress="https://id.example.com/sign-in/o/acme"
        {...undescribed}
        createdAt={now}
        yourRole="guest"
        isActive={false}
        described={described}
      />
    ),
    'organization-administered': (
      <Overview
        shell={shell}
        slug="acme"
        signInAddress="https://id.example.com/sign-in/o/acme"
        {...undescribed}
        createdAt={now}
        yourRole={null}
        isActive={false}
        described={described}
      />
    ),
    members: <Members shell={shell} members={all} search={null} more="/x" first="/y" mayManage />,
    'members-none': (
      <Members shell={guest} members={[]} search="zz" more={null} first={null} mayManage={false} />
    ),
    member: (
      <Member
        shell={shell}
        item={other}
        roles={roles}
        mayChangeMfa
        mayRemove
        mayTransfer
        isBeyond={false}
        groupsAt={['Okta', 'Entra ID']}
      />
    ),
    'member-beyond': (
      <Member
        shell={{ ...shell, refused: 'No.' }}
        item={owner}
        roles={null}
        mayChangeMfa={false}
        mayRemove={false}
        mayTransfer={false}
        groupsAt={[]}
        isBeyond
      />
    ),
    transfer: <Transfer shell={guest} item={other} isOwner />,
    invitations: <Invitations shell={shell} invitations={invitations} more={null} first="/y" roles={roles} />,
    'invitations-none': (
      <Invitations shell={shell} invitations={[]} more={null} first={null} roles={['guest']} {...again({})} />
    ),
    roles: <OrganizationRoleList shell={shell} roles={[...builtIn, accountant]} choices={choices} />,
    'roles-none': <OrganizationRoleList shell={shell} roles={builtIn} choices={null} />,
    role: (
      <CustomRole
        shell={shell}
        item={accountant}
        choices={choices}
        {...again({ permission_1: 'invoices:pay' })}
      />
    ),
    settings: (
      <Settings shell={shell} slug="acme" {...profile} mayUpdate mayTransfer hasOtherMembers mayDelete />
    ),
    'settings-alone': (
      <Settings
        shell={shell}
        slug="acme"
        {...profile}
        mayUpdate
        mayTransfer
        hasOtherMembers={false}
        mayDelete
      />
    ),
    ...connectionPages(
      shell,
      { ...shell, name: LONG, permissions: ['organization:read', 'connections:read'] },
      now,
    ),
    ...domainPages(
      shell,
      { ...shell, name: LONG, permissions: ['organization:read', 'connections:read'] },
      now,
    ),
    ...policyPages(shell, { ...shell, name: LONG, permissions: ['organization:read', 'security:read'] }, now),
    leave: <Leave id="org_1" name={LONG} obstacle={null} alert="No." />,
    'leave-only-owner': <Leave id="org_1" name={LONG} obstacle="only_owner" />,
    'leave-only-member': <Leave id="org_1" name={LONG} obstacle="only_member" />,
    'delete-organization': <DeleteOrganization id="org_1" name={LONG} graceHours={720} hasConnection />,
    'invitation-accept': <Invitation {...invitation} next="accept" />,
    'invitation-other': <Invitation {...invitation} next="other_account" />,
    'invitation-gone': <InvitationInvalid expired={false} />,
  }
  const strangers: Record<string, VNode> = {
    'invitation-stranger': <Invitation {...invitation} organization="Acme" inviter={null} next="sign_in" />,
    'invitation-expired': <InvitationInvalid expired />,
    'invitation-declined': <InvitationDeclined />,
  }
  const named = (pages: Record<string, VNode>, isStranger: boolean) =>
    Object.entries(pages).map(([name, page]) => ({ name, page, isStranger }))
  return [...named(signedIn, false), ...named(strangers, true)]
}
