/**
 * Writes docs/reference and .env.example from the tables in the code: settings, errors, audit events, permissions; and the list of
 * the columns of each table.
 * `npm run docs` writes them; tests/reference.test.ts fails when a file and its table differ.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { can, effectivePermissions } from '@latchkey/guard'
import { ERRORS } from '../packages/server/src/base/errors.ts'
import { CONFORMANCE } from '../packages/server/src/config/password-profiles.ts'
import { CONTRADICTIONS, UNSAFE_IN_PRODUCTION } from '../packages/server/src/config/rules.ts'
import { defaultOf, GROUPS, PROFILES, SETTINGS, type Setting } from '../packages/server/src/config.ts'
import { AUDIT_EVENTS } from '../packages/server/src/core/audit/index.ts'
import {
  ORGANIZATION_PERMISSIONS,
  SERVER_PERMISSIONS,
} from '../packages/server/src/core/permissions/index.ts'
import { ORGANIZATION_ROLES } from '../packages/server/src/core/roles/index.ts'
import { BUILT_IN } from '../packages/server/src/core/roles/organization-roles.ts'
import { PRESETS } from '../packages/server/src/core/roles/presets.ts'
import { columnsFile } from './declared-tables.ts'
import { listMetrics } from './metrics.ts'

const SOURCE = (file: string) =>
  `<!-- Made from ${file} by \`npm run docs\`. Do not edit: change the table there. -->`
const settings = Object.values<Setting<unknown>>(SETTINGS)

/** One line of a table; what would end a cell is escaped. */
const row = (...cells: string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
const table = (head: string[], rows: string[][]): string =>
  [row(...head), row(...head.map(() => '---')), ...rows.map((cells) => row(...cells))].join('\n')

function defaultInWords(setting: Setting<unknown>): string {
  if (setting.computed) return setting.computed
  const values = PROFILES.map((profile) => defaultOf(setting, profile) || null)
  const quoted = (value: string | null | undefined) => (value ? `\`${value}\`` : 'not set')
  if (new Set(values).size === 1) return quoted(values[0])
  return PROFILES.map((profile, i) => `${quoted(values[i])} in ${profile}`).join(', ')
}

const SECRECY = { whole: 'Secret: never shown.', password: 'Shown without its password.' }
const aboutIn = ({ about, later, secret }: Setting<unknown>): string =>
  [about, secret ? SECRECY[secret] : '', later ? `**Not used yet**: known and checked, for ${later}.` : '']
    .filter(Boolean)
    .join(' ')

function configuration(): string {
  const groups = Object.entries(GROUPS).map(([group, title]) => {
    const rows = settings
      .filter((setting) => setting.group === group)
      .map((setting) => [`\`${setting.env}\``, defaultInWords(setting), aboutIn(setting), setting.kind.takes])
    return `## ${title}\n\n${table(['Setting', 'Default', 'What it does', 'Takes'], rows)}`
  })
  const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`
  const refusals = UNSAFE_IN_PRODUCTION.map(({ setting, message }) => {
    const text = typeof message === 'string' ? message : 'must not be a sample value or easy to guess'
    return `- \`${setting}\` ${text}.`
  })
  const rules = CONTRADICTIONS.map(
    ({ setting, message }) => `- \`${setting}\` ${typeof message === 'string' ? message : ''}.`,
  )
  return [
    SOURCE('packages/server/src/config/settings.ts'),
    '# Settings',
    `Settings come from the environment, and from a file \`.env\` in the working folder for what the environment does not set. An empty value counts as not set. A secret may also be in a file that its name with \`_FILE\` names, such as \`LATCHKEY_SECRET_FILE=/run/secrets/latchkey\`. All errors are reported at once, and an unknown \`LATCHKEY_…\` is refused with the nearest name. \`latchkey config check\` lists the errors, \`latchkey config print\` shows every setting with its source, secrets masked.`,
    'Durations are written `90s`, `30m`, `8h`, `30d`. Lists are separated by commas.',
    ...groups,
    `## Password profiles\n\n${table(
      ['Profile', 'What it conforms to'],
      Object.entries(CONFORMANCE).map(([name, sentence]) => [`\`${name}\``, sentence]),
    )}\n\nThe rules of each are in [Rules for passwords](../guides/passwords.md).`,
    `## What production refuses\n\nBesides what is not valid anywhere, and all of it in one message:\n\n${refusals.join('\n')}\n- A database role that is a superuser or bypasses row-level security (seen when the server connects).`,
    `## Settings that go together\n\n${rules.map(sentence).join('\n')}`,
  ].join('\n\n')
}

function errors(): string {
  const byStatus = Object.entries(ERRORS).sort(([, a], [, b]) => a.status - b.status)
  const rows = byStatus.map(([code, { status, type, message, when }]) => [
    `\`${code}\``,
    String(status),
    `\`${type}\``,
    message,
    when,
  ])
  return [
    SOURCE('packages/server/src/base/errors.ts'),
    '# Errors',
    'Every failure of the JSON API has one of these codes. In the `standard` envelope it is `error.code`, its family `error.type`; the other envelopes carry the same in their own places. A 401 carries `WWW-Authenticate`, and every answer `X-Request-Id`, under which the log has more.',
    table(['Code', 'Status', 'Family', 'Message', 'When, and what to do'], rows),
  ].join('\n\n')
}

function auditEvents(): string {
  const rows = Object.entries(AUDIT_EVENTS).map(([type, about]) => [`\`${type}\``, about])
  return [
    SOURCE('packages/server/src/core/audit/index.ts'),
    '# Audit events',
    'Each event is written in the same transaction as what it records: `{timestamp, event_type, user_id, username, ip_address, user_agent, session_id, organization_id, request_id, details}`. They are kept for `LATCHKEY_AUDIT_RETENTION`.',
    table(['Event', 'What happened'], rows),
  ].join('\n\n')
}

/** The permissions, and the roles that have them by default. */
function permissions(): string {
  const presets = Object.entries(PRESETS).map(([preset, roles]) => {
    const definitions = new Map(roles.map((role) => [role.name, role]))
    const holders = roles.map(({ name }) => ({
      name,
      permissions: effectivePermissions(definitions, [name]),
    }))
    return [preset, holders] as const
  })
  const inside = ORGANIZATION_ROLES.map((name) => ({
    name,
    permissions: effectivePermissions(BUILT_IN, [name]),
  }))
  const holding = (among: readonly { name: string; permissions: readonly string[] }[], permission: string) =>
    among
      .filter((holder) => can(holder, permission))
      .map(({ name }) => `\`${name}\``)
      .join(' ')
  return [
    SOURCE('packages/server/src/core/roles'),
    '# Permissions',
    'The permissions that the server itself requires. Apps may require any others, and add them to the catalogue with `POST /api/v1/permissions`. [Roles and permissions](../guides/roles.md) describes how roles get permissions.',
    '## Of the server',
    table(
      ['Permission', 'Allows', ...presets.map(([preset]) => `Roles that have it in \`${preset}\``)],
      Object.entries(SERVER_PERMISSIONS).map(([name, about]) => [
        `\`${name}\``,
        about,
        ...presets.map(([, holders]) => holding(holders, name)),
      ]),
    ),
    '## Inside an organization',
    'Apart from those above, also where the name is the same.',
    table(
      ['Permission', 'Allows', 'Roles that have it'],
      Object.entries(ORGANIZATION_PERMISSIONS).map(([name, about]) => [
        `\`${name}\``,
        about,
        holding(inside, name),
      ]),
    ),
  ].join('\n\n')
}

/** Every setting, commented out with its default: a copy of it changes nothing. */
function envExample(): string {
  const groups = Object.entries(GROUPS).map(([group, title]) => {
    const entries = settings
      .filter((setting) => setting.group === group)
      .map((setting) => {
        const prose = [setting.about, setting.later ? `Not used yet (${setting.later}).` : '']
          .filter(Boolean)
          .join(' ')
        const value = defaultOf(setting, 'development') ?? ''
        const note = setting.computed ? ` Default: ${setting.computed}.` : ''
        return `${wrap(`${prose}${note}`.replaceAll('`', ''))}\n#${setting.env}=${/\s/.test(value) ? `"${value}"` : value}`
      })
    return `# --- ${title} ---\n\n${entries.join('\n\n')}`
  })
  const head =
    '# Settings of Latchkey. Copy to .env and remove the # from the lines that you change; the environment takes precedence.\n# Made by `npm run docs`; docs/reference/configuration.md has details.'
  return [head, ...groups].join('\n\n')
}

function wrap(text: string, width = 100): string {
  const lines: string[] = ['#']
  for (const word of text.split(' ')) {
    const last = lines.at(-1) ?? ''
    if (last.length + word.length + 1 > width) lines.push(`# ${word}`)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines.join('\n')
}

function metricsPage(): string {
  const labelOf = (name: string, values: readonly string[] = []) =>
    `\`${name}\`${values.length > 0 ? ` (${values.map((value) => `\`${value}\``).join(', ')})` : ''}`
  const rows = listMetrics().map(({ name, type, labels, values, help }) => [
    `\`${name}\``,
    type,
    labels.map((label) => labelOf(label, values[label])).join(', '),
    help,
  ])
  return [
    SOURCE('the metrics that the modules of packages/server/src register'),
    '# Metrics',
    'What `GET /metrics` answers, in the text format of Prometheus ([Metrics](../guides/production.md#metrics)). A histogram has the series `…_bucket`, with the label `le`, `…_sum` and `…_count`. Names and labels are stable. No label is a user, an address or a text that a caller has sent.',
    table(['Metric', 'Type', 'Labels', 'Meaning'], rows),
  ].join('\n\n')
}

/** Every generated file by its path in the repository. */
export const referenceFiles = (): Record<string, string> => ({
  'docs/reference/configuration.md': `${configuration()}\n`,
  'docs/reference/errors.md': `${errors()}\n`,
  'docs/reference/audit-events.md': `${auditEvents()}\n`,
  'docs/reference/permissions.md': `${permissions()}\n`,
  'docs/reference/metrics.md': `${metricsPage()}\n`,
  '.env.example': `${envExample()}\n`,
  'packages/server/src/base/db/columns.ts': columnsFile(),
})

if (process.argv[1] === import.meta.filename) {
  for (const [path, text] of Object.entries(referenceFiles())) {
    const file = join(import.meta.dirname, '..', path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    console.log(path)
  }
}
