import { describe, expect, it } from 'vitest'
import { PRESETS } from '../../../core/roles/presets.ts'
import { roleText } from './texts.ts'

describe('the description of a role', () => {
  it('is German on German pages for every role of every preset', () => {
    const english = Object.values(PRESETS).flatMap((roles) => roles.map(({ description }) => description))
    const untranslated = english.filter((description) => roleText('de', description) === description)
    expect(untranslated).toEqual([])
    for (const description of english) expect(roleText('en', description)).toBe(description)
  })

  it('is German also where an earlier version created the role', () => {
    expect(roleText('de', 'Looks after people’s accounts.')).toBe('Kümmert sich um die Konten der Menschen.')
  })

  it('is shown as written where an administrator changed it', () => {
    expect(roleText('de', 'Our own words')).toBe('Our own words')
    expect(roleText('de', null)).toBeNull()
  })
})
