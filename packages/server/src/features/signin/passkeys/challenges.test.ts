/** Challenges without a database: what they are bound to, and for how long. */
import { expect, test } from 'vitest'
import { keyring } from '../../../base/crypto.ts'
import { CHALLENGE_LIFETIME, type ChallengeFor, isChallengeFor, issueChallenge } from './challenges.ts'

const keys = keyring('a secret of the tests, thirty-two characters')
const now = new Date('2030-06-01T12:00:00Z')
const boundTo = 'ses_0198c0de5a7b7e11b4c2d3e4f5a6b7c8'
const registering: ChallengeFor = { purpose: 'register', boundTo }
const issued = (issuedFor: ChallengeFor = registering) =>
  issueChallenge(keys, issuedFor, now).toString('base64url')

test('a challenge is valid for what it was issued for, and no other purpose or holder', () => {
  const challenge = issued()
  expect(isChallengeFor(keys, registering, challenge, now)).toBe(true)
  for (const other of [
    { purpose: 'second_factor', boundTo },
    { purpose: 'sign_in', boundTo },
    { purpose: 'sign_in_named', boundTo },
    { purpose: 'register', boundTo: `${boundTo}x` },
    { purpose: 'register', boundTo: '' },
  ] satisfies ChallengeFor[])
    expect(isChallengeFor(keys, other, challenge, now)).toBe(false)
})

test('a challenge expires, and its expiry cannot be changed', () => {
  const challenge = issued()
  const later = (milliseconds: number) => new Date(now.getTime() + milliseconds)
  expect(isChallengeFor(keys, registering, challenge, later(CHALLENGE_LIFETIME - 1))).toBe(true)
  expect(isChallengeFor(keys, registering, challenge, later(CHALLENGE_LIFETIME))).toBe(false)
  const bytes = Buffer.from(challenge, 'base64url')
  bytes.writeBigUInt64BE(BigInt(later(10 * CHALLENGE_LIFETIME).getTime()))
  expect(isChallengeFor(keys, registering, bytes.toString('base64url'), now)).toBe(false)
})

test('each has a nonce, and one spelling', () => {
  const challenge = issued()
  expect(issued()).not.toBe(challenge)
  const bytes = Buffer.from(challenge, 'base64url')
  for (const spelling of [
    '',
    'AAAA',
    `${challenge}=`,
    `${challenge}AA`,
    challenge.slice(0, -1),
    bytes.toString('base64'),
    bytes.toString('hex'),
  ])
    expect(isChallengeFor(keys, registering, spelling, now), spelling).toBe(spelling === challenge)
})

test('a challenge of the secret before a rotation is accepted, one of another server is not', () => {
  const challenge = issued()
  const rotated = keyring(
    'another secret of the tests, also long',
    'a secret of the tests, thirty-two characters',
  )
  expect(isChallengeFor(rotated, registering, challenge, now)).toBe(true)
  const foreign = keyring('another secret of the tests, also long')
  expect(isChallengeFor(foreign, registering, challenge, now)).toBe(false)
})
