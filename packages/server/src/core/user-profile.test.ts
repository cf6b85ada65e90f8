/** What a profile may have (OpenID Connect Core §5.1), what a change makes of it, and what is read of a stored one. */
import { describe, expect, it } from 'vitest'
import { ADDRESS_TEXTS, changedProfile, PROFILE_TEXTS, readProfile } from './user-profile.ts'

const stored = (name: keyof typeof PROFILE_TEXTS, text: string) =>
  PROFILE_TEXTS[name].schema.safeParse(text).data ?? null

describe('a field of a profile', () => {
  // biome-ignore format: a table
  it.each([
    ['birthdate', ['1815-12-10', '0000-12-10', '1815', '0000-02-29', '2000-02-29'],
      ['1815-13-01', '1815-02-29', '0000-02-30', '1900-02-29', '0000', '1815-12', '10.12.1815', '1815-00-10', '1815-01-00', '']],
    ['zoneinfo', ['Europe/London', 'America/Port-au-Prince', 'America/Argentina/Buenos_Aires', 'Etc/GMT+1', 'UTC', 'Asia/Kolkata'],
      ['+01:00', '-0500', 'Europe/Atlantis', 'London', '../etc/passwd', 'Europe/', '']],
    ['phone_number', ['+442079460123', '+4930123456'],
      ['020 7946 0123', '+0123456', '+1', '+44207946012345678', 'tel:+442079460123', '+44 call me', '']],
    ['picture', ['https://example.com/a.jpg', 'https://example.com:8443/@ada?x=1#y'],
      ['http://example.com/a.jpg', 'javascript:alert(1)', 'data:image/png;base64,AA', 'https://ada@example.com/', 'https://', '//example.com',
        'https://example.com/"onload=', 'https://example.com/ a', `https://example.com/${'a'.repeat(1000)}`, '']],
    ['website', ['https://example.com'], ['ftp://example.com', 'https://exa mple.com']],
    ['given_name', ['Ada', 'Žofie Ångström', '李'], ['', ' ', 'a'.repeat(101), 'Ada\u202eada', 'Ada\u0000', 'Ada\ud800']],
    ['gender', ['female', 'divers'], ['a'.repeat(51)]],
  ] as const)('%s has the form of OpenID Connect Core §5.1', (name, valid, invalid) => {
    for (const text of valid) expect([text, stored(name, text)]).toEqual([text, text])
    for (const text of invalid) expect([text, stored(name, text)]).toEqual([text, null])
  })

  it('is stored in one spelling', () => {
    expect(stored('phone_number', ' +44 (0)20-7946.0123 ')).toBe('+442079460123')
    expect(stored('zoneinfo', 'europe/london')).toBe('Europe/London')
    expect(stored('given_name', '  Ada   Augusta ')).toBe('Ada Augusta')
    expect(ADDRESS_TEXTS.street_address.schema.parse('12 St James’s Square\r\nFlat 3 ')).toBe(
      '12 St James’s Square\nFlat 3',
    )
  })

  it('may be bounded text on several lines only in an address', () => {
    expect(stored('given_name', 'Ada\nKing')).toBe('Ada King')
    const { formatted } = ADDRESS_TEXTS
    for (const text of ['a'.repeat(501), ' \n ', 'a\u0000', 'a\ud800', 'a\u202e'])
      expect(formatted.schema.safeParse(text).success).toBe(false)
  })
})

describe('a change', () => {
  it('changes what it states, in the address too, and null removes', () => {
    const before = { given_name: 'Ada', gender: 'female', address: { locality: 'London', country: 'UK' } }
    expect(changedProfile(before, {})).toEqual(before)
    expect(changedProfile(before, { gender: null, address: { country: null, region: 'England' } })).toEqual({
      given_name: 'Ada',
      address: { locality: 'London', region: 'England' },
    })
    expect(changedProfile(before, { given_name: null, address: { locality: null, country: null } })).toEqual({
      gender: 'female',
    })
    expect(changedProfile(before, { address: null })).toEqual({ given_name: 'Ada', gender: 'female' })
  })
})

it('takes of what another system says what has the right form, and names the rest', () => {
  const said = {
    given_name: 'Ada',
    picture: 'http://x.example/',
    birthdate: 18,
    address: { locality: 'London', country: 7 },
  }
  expect(readProfile(said)).toEqual({
    profile: { given_name: 'Ada', address: { locality: 'London' } },
    refused: ['birthdate', 'picture', 'address.country'],
  })
  expect(readProfile({ family_name: '', nickname: null })).toEqual({ profile: {}, refused: [] })
})
