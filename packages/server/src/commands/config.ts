/** `config check` and `config print`: the settings as the server reads them, without opening the database. */
import { CONFORMANCE } from '../config/password-profiles.ts'
import { cautions } from '../config/rules.ts'
import { GROUPS, readConfig, SETTINGS, type SettingName, shown } from '../config.ts'
import { type Command, type CommandOutcome, done } from './command.ts'
import { paint, pairs, plain } from './terminal.ts'

export const configCheck: Command = {
  name: 'config check',
  summary: 'Validate the settings',
  about:
    'Reads the environment and `.env` as the server does, in the profile that is set there, and writes nothing.',
  on: 'machine',
  run: async () => checkConfig(),
}

function checkConfig(): CommandOutcome {
  const { config, faults } = readConfig(undefined, { secret: 'look' })
  const notes = config ? cautions(config) : []
  const rules = config && {
    profile: config.passwordProfile,
    conformance: CONFORMANCE[config.passwordProfile],
  }
  const json = {
    ok: faults.length === 0,
    profile: config?.profile ?? null,
    passwords: rules,
    faults,
    cautions: notes,
  }
  if (!config) {
    const lines = faults.map((fault) => `  - ${plain(fault.message)}`)
    return {
      exit: 1,
      json,
      text: [
        paint(
          'red',
          `${faults.length === 1 ? 'One setting is' : `${faults.length} settings are`} not valid:`,
        ),
        ...lines,
      ].join('\n'),
    }
  }
  const lines = notes.map((note) => `  - ${note}`)
  return done(
    json,
    [
      paint('green', `The settings are valid for ${config.profile}.`),
      `Password profile ${rules?.profile}: ${rules?.conformance}`,
      ...lines,
    ].join('\n'),
  )
}

export const configPrint: Command = {
  name: 'config print',
  summary: 'Show every setting and its source, secrets masked',
  options: { changed: { type: 'boolean', about: 'Only settings that are not at their default' } },
  on: 'machine',
  run: async (args) => printConfig(args.values.changed === true),
}

function printConfig(onlyChanged: boolean): CommandOutcome {
  const { faults, values, sources } = readConfig(undefined, { secret: 'look' })
  const names = (Object.keys(SETTINGS) as SettingName[]).filter(
    (name) => !onlyChanged || sources[name] !== 'default',
  )
  const json = {
    ok: faults.length === 0,
    faults,
    settings: names.map((name) => ({
      setting: SETTINGS[name].env,
      value: shown(name, values),
      source: sources[name],
    })),
  }
  const groups = Object.entries(GROUPS).flatMap(([group, title]) => {
    const rows = names.filter((name) => SETTINGS[name].group === group)
    if (rows.length === 0) return []
    const lines = rows.map((name): [string, string] => {
      const source = sources[name] === 'default' ? '' : paint('dim', `  (${sources[name]})`)
      return [SETTINGS[name].env, plain(shown(name, values)) + source]
    })
    return [paint('bold', title), pairs(lines), '']
  })
  const text = groups.slice(0, -1).join('\n') || 'All settings are at their defaults.'
  const notes = faults.map((fault) => plain(fault.message))
  return { exit: faults.length === 0 ? 0 : 1, json, text, notes }
}
