/**
 * WebAuthn ceremonies: the options that a browser receives, and the verification of what its authenticator answers
 * (W3C Web Authentication Level 3 §7.1, §7.2). The only file that imports @simplewebauthn/server, which is loaded when
 * the first ceremony runs. Leaves challenges to challenges.ts, and stored credentials to the caller.
 * Invariant: a refused answer is a value of the closed union `CeremonyFault`, never an exception: all of it is input.
 */
import { createHash } from 'node:crypto'
import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/server'
import type { RelyingParty } from '../../../base/relying-party.ts'

/** Why an answer is refused; for the audit log. */
export type CeremonyFault =
  | 'malformed'
  | 'wrong_type'
  | 'wrong_challenge'
  | 'wrong_origin'
  | 'wrong_rp_id'
  | 'user_not_present'
  | 'user_not_verified'
  | 'wrong_algorithm'
  | 'wrong_signature'
  | 'backup_eligibility_changed'

export type Checked<T> = { passed: T } | { fault: CeremonyFault }

/** EdDSA, ES256, RS256 (RFC 8152), in order of preference: those that every supported version of Node verifies. */
const ALGORITHMS = [-8, -7, -257]

/** How long the browser waits for the user, in milliseconds. */
const TIMEOUT = 5 * 60_000

/** A key of 4096-bit RSA has about 540 bytes. */
const LONGEST_KEY = 1024
/** WebAuthn §5.1.3: at most 1023 bytes. */
const LONGEST_ID = 1023

/** What a passkey is, as its authenticator describes it. */
export interface PasskeyKind {
  /** `multiDevice`: it is, or can be, on several devices (WebAuthn §6.1.3, backup eligibility). */
  deviceType: 'singleDevice' | 'multiDevice'
  backedUp: boolean
  userVerified: boolean
}

export interface RegisteredPasskey extends PasskeyKind {
  credentialId: Buffer
  /** COSE_Key (RFC 8152 §7). */
  publicKey: Buffer
  algorithm: number
  counter: number
  /** The model of the authenticator; null where it does not say. */
  aaguid: string | null
  origin: string
  /** The challenge that it answers, to be used up. */
  challenge: string
}

export interface AssertedPasskey extends PasskeyKind {
  counter: number
  /** As of RegisteredPasskey. */
  challenge: string
}

/** The members of an answer that are verified; `rawId` is the same as `id`. */
interface RegistrationAnswer {
  id: string
  response: { clientDataJSON: string; attestationObject: string }
}
interface AssertionAnswer {
  id: string
  response: { clientDataJSON: string; authenticatorData: string; signature: string }
}

/** A stored credential that an assertion is compared with. */
export interface StoredCredential {
  credentialId: Buffer
  publicKey: Buffer
  deviceType: PasskeyKind['deviceType']
}

async function load() {
  const [server, helpers] = await Promise.all([
    import('@simplewebauthn/server'),
    import('@simplewebauthn/server/helpers'),
  ])
  // without roots no chain is followed, and no revocation list is fetched from an address that a certificate names
  for (const identifier of FORMATS)
    server.SettingsService.setRootCertificates({ identifier, certificates: [] })
  return { ...server, helpers }
}
const FORMATS = ['android-key', 'android-safetynet', 'apple', 'fido-u2f', 'packed', 'tpm'] as const

let loaded: ReturnType<typeof load> | undefined
/** The library, which has a size of a megabyte: servers without passkeys do not load it. */
const library = (): ReturnType<typeof load> => {
  loaded ??= load()
  return loaded
}

interface KnownCredential {
  credentialId: Buffer
  transports: readonly string[]
}

const descriptors = (credentials: readonly KnownCredential[]) =>
  credentials.map(({ credentialId, transports }) => ({
    id: credentialId.toString('base64url'),
    transports: [...transports] as Transport[],
  }))
type Transport = 'ble' | 'cable' | 'hybrid' | 'internal' | 'nfc' | 'smart-card' | 'usb'

/** Options of `navigator.credentials.create`. */
export async function registrationOptions(
  party: RelyingParty,
  user: { handle: Buffer; name: string; displayName: string },
  challenge: Buffer,
  exclude: readonly KnownCredential[],
): Promise<PublicKeyCredentialCreationOptionsJSON> {
  const { generateRegistrationOptions } = await library()
  return await generateRegistrationOptions({
    rpName: party.name,
    rpID: party.id,
    userID: new Uint8Array(user.handle),
    userName: user.name,
    userDisplayName: user.displayName,
    // bytes: the library encodes a text as UTF-8
    challenge: new Uint8Array(challenge),
    timeout: TIMEOUT,
    attestationType: party.attestation,
    excludeCredentials: descriptors(exclude),
    authenticatorSelection: { residentKey: 'required', userVerification: 'preferred' },
    supportedAlgorithmIDs: ALGORITHMS,
  })
}

/** Options of `navigator.credentials.get`. @param allow null: any passkey of this relying party, chosen by the user */
export async function assertionOptions(
  party: RelyingParty,
  challenge: Buffer,
  allow: readonly KnownCredential[] | null,
  userVerification: 'required' | 'preferred',
): Promise<PublicKeyCredentialRequestOptionsJSON> {
  const { generateAuthenticationOptions } = await library()
  return await generateAuthenticationOptions({
    rpID: party.id,
    challenge: new Uint8Array(challenge),
    timeout: TIMEOUT,
    userVerification,
    ...(allow && { allowCredentials: descriptors(allow) }),
  })
}

/** WebAuthn §7.1. */
export async function verifyRegistration(
  party: RelyingParty,
  answer: RegistrationAnswer,
  isExpected: (challenge: string) => boolean,
): Promise<Checked<RegisteredPasskey>> {
  const { clientDataJSON, attestationObject } = answer.response
  const client = checkClientData(party, clientDataJSON, 'webauthn.create', isExpected)
  if ('fault' in client) return client
  const { verifyRegistrationResponse, helpers } = await library()
  try {
    const attestation = helpers.decodeAttestationObject(new Uint8Array(bytesOf(attestationObject)))
    const authenticator = Buffer.from(attestation.get('authData'))
    const fault = faultOfAuthenticator(party, authenticator)
    if (fault) return { fault }
    const found = await verifyRegistrationResponse({
      response: {
        id: answer.id,
        rawId: answer.id,
        type: 'public-key',
        clientExtensionResults: {},
        response: {
          clientDataJSON,
          attestationObject:
            party.attestation === 'none'
              ? withoutStatement(authenticator).toString('base64url')
              : attestationObject,
        },
      },
      expectedChallenge: client.passed.challenge,
      expectedOrigin: [...party.origins],
      expectedRPID: party.id,
      requireUserVerification: false,
      supportedAlgorithmIDs: ALGORITHMS,
    })
    if (!found.verified) return { fault: 'wrong_signature' }
    const { registrationInfo: info } = found
    const credentialId = bytesOf(info.credential.id)
    const publicKey = Buffer.from(info.credential.publicKey)
    if (info.credential.id !== answer.id) return { fault: 'malformed' }
    if (credentialId.length > LONGEST_ID || publicKey.length > LONGEST_KEY) return { fault: 'malformed' }
    const algorithm = Number(helpers.decodeCredentialPublicKey(info.credential.publicKey).get(COSE_ALG))
    return {
      passed: {
        credentialId,
        publicKey,
        algorithm,
        counter: info.credential.counter,
        aaguid: info.aaguid === NO_AAGUID ? null : info.aaguid,
        origin: client.passed.origin,
        challenge: client.passed.challenge,
        deviceType: info.credentialDeviceType,
        backedUp: info.credentialBackedUp,
        userVerified: info.userVerified,
      },
    }
  } catch (error) {
    return { fault: faultOf(error) }
  }
}

/** WebAuthn §7.2, except for the user handle and the counter, which the caller compares with what is stored. */
export async function verifyAssertion(
  party: RelyingParty,
  answer: AssertionAnswer,
  stored: StoredCredential,
  isExpected: (challenge: string) => boolean,
): Promise<Checked<AssertedPasskey>> {
  const { clientDataJSON, authenticatorData, signature } = answer.response
  const client = checkClientData(party, clientDataJSON, 'webauthn.get', isExpected)
  if ('fault' in client) return client
  const fault = faultOfAuthenticator(party, bytesOf(authenticatorData))
  if (fault) return { fault }
  const { verifyAuthenticationResponse } = await library()
  try {
    const { verified, authenticationInfo: info } = await verifyAuthenticationResponse({
      response: {
        id: answer.id,
        rawId: answer.id,
        type: 'public-key',
        clientExtensionResults: {},
        response: { clientDataJSON, authenticatorData, signature },
      },
      expectedChallenge: client.passed.challenge,
      expectedOrigin: [...party.origins],
      expectedRPID: party.id,
      requireUserVerification: false,
      credential: {
        id: stored.credentialId.toString('base64url'),
        publicKey: new Uint8Array(stored.publicKey),
        // with the stored counter the library refuses before it verifies the signature: anyone could report a clone
        counter: 0,
      },
    })
    if (!verified) return { fault: 'wrong_signature' }
    // §7.2 step 19: backup eligibility never changes
    if (info.credentialDeviceType !== stored.deviceType) return { fault: 'backup_eligibility_changed' }
    return {
      passed: {
        counter: info.newCounter,
        challenge: client.passed.challenge,
        deviceType: info.credentialDeviceType,
        backedUp: info.credentialBackedUp,
        userVerified: info.userVerified,
      },
    }
  } catch (error) {
    return { fault: faultOf(error) }
  }
}

const NO_AAGUID = '00000000-0000-0000-0000-000000000000'
/** RFC 8152 §7.1. */
const COSE_ALG = 3

interface ClientData {
  type: string
  challenge: string
  origin: string
  crossOrigin: boolean
}

/** CollectedClientData, WebAuthn §5.8.1; null where the text is no such object. */
function readClientData(encoded: string): ClientData | null {
  try {
    const data: unknown = JSON.parse(bytesOf(encoded).toString('utf8'))
    if (typeof data !== 'object' || data === null) return null
    const { type, challenge, origin, crossOrigin, topOrigin } = data as Record<string, unknown>
    if (typeof type !== 'string' || typeof challenge !== 'string' || typeof origin !== 'string') return null
    return { type, challenge, origin, crossOrigin: Boolean(crossOrigin) || topOrigin !== undefined }
  } catch {
    return null
  }
}

function checkClientData(
  party: RelyingParty,
  encoded: string,
  type: 'webauthn.create' | 'webauthn.get',
  isExpected: (challenge: string) => boolean,
): Checked<ClientData> {
  const data = readClientData(encoded)
  if (!data) return { fault: 'malformed' }
  if (data.type !== type) return { fault: 'wrong_type' }
  if (!isExpected(data.challenge)) return { fault: 'wrong_challenge' }
  // pages cannot be framed, so no ceremony of ours runs in a frame of another origin
  if (!party.origins.includes(data.origin) || data.crossOrigin) return { fault: 'wrong_origin' }
  return { passed: data }
}

/** Checks the first bytes of authenticator data, WebAuthn §6.1: the hash of the relying party's id, and the flags. */
function faultOfAuthenticator(party: RelyingParty, data: Buffer): CeremonyFault | null {
  if (data.length < 37) return 'malformed'
  const expected = createHash('sha256').update(party.id).digest()
  if (!data.subarray(0, 32).equals(expected)) return 'wrong_rp_id'
  return ((data[32] ?? 0) & USER_PRESENT) === 0 ? 'user_not_present' : null
}
const USER_PRESENT = 1

/**
 * The attestation object without its statement (WebAuthn §8.7): `{fmt: "none", attStmt: {}, authData}` in CBOR. Where no
 * attestation is requested, a statement proves nothing, and its certificates are not read.
 */
function withoutStatement(authData: Buffer): Buffer {
  const length = Buffer.from([0x59, authData.length >> 8, authData.length & 0xff])
  if (authData.length > 0xffff) throw new RangeError('authenticator data of more than 64 KiB')
  return Buffer.concat([
    Buffer.from('a363666d74646e6f6e656761747453746d74a0686175746844617461', 'hex'),
    length,
    authData,
  ])
}

/** The library throws at everything that is malformed, without a code. */
const faultOf = (error: unknown): CeremonyFault =>
  error instanceof Error && error.message.startsWith('Unexpected public key alg')
    ? 'wrong_algorithm'
    : 'malformed'

const bytesOf = (text: string): Buffer => Buffer.from(text, 'base64url')
