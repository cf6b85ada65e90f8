/**
 * Field schemas of what an authenticator answers, in the JSON forms of WebAuthn Level 3 §5.1.8. Members that the server
 * does not use are ignored, because browsers add more. Verified by signin/passkeys.
 */
import { z } from 'zod'
import { described } from './described.ts'
import { invalid } from './errors.ts'

/** Bytes in base64url without padding. @param max characters */
const bytes = (max: number, description: string) =>
  described(
    z
      .string()
      .min(1)
      .max(max)
      .regex(/^[A-Za-z0-9_-]+$/, { error: () => 'Must be base64url without padding.' }),
    `${description} In base64url without padding.`,
  )

/** The most members of an object, of which the server knows some. */
const MOST = 40
const open = <S extends z.core.$ZodLooseShape>(shape: S, description: string) =>
  z
    .looseObject(shape)
    .refine((members) => Object.keys(members).length <= MOST, { error: () => 'Has too many members.' })
    .meta({ description, maxProperties: MOST })

/** WebAuthn §5.1.3: an id has at most 1023 bytes. */
const CREDENTIAL_ID = 1364

const common = {
  id: bytes(CREDENTIAL_ID, 'The id of the passkey.'),
  rawId: bytes(CREDENTIAL_ID, 'The same as `id`.').optional(),
  type: described(z.literal('public-key').optional(), 'Always `public-key`.').meta({ samples: [] }),
  clientExtensionResults: open({}, 'The results of extensions, which are ignored.').optional(),
  authenticatorAttachment: described(z.string().max(40).nullish(), 'Where the authenticator is; ignored.'),
}
const clientDataJSON = bytes(8000, 'What the browser signed: the challenge, its origin and the ceremony.')

export const RegistrationAnswer = open(
  {
    ...common,
    response: open(
      {
        clientDataJSON,
        attestationObject: bytes(32_000, 'The new key, with a statement of the authenticator.'),
        transports: described(
          z.array(z.string().max(40)).max(10).optional(),
          'How the authenticator can be reached: `internal`, `hybrid`, `usb` …',
        ),
      },
      'The answer of the authenticator.',
    ),
  },
  'The credential that the browser created, as `PublicKeyCredential.toJSON()` writes it.',
).meta({
  samples: [
    {
      id: 'AAAAAAAAAAAAAAAAAAAAAA',
      response: { clientDataJSON: 'e30', attestationObject: 'oA' },
    },
  ],
})
export type RegistrationAnswer = z.infer<typeof RegistrationAnswer>

export const AssertionAnswer = open(
  {
    ...common,
    response: open(
      {
        clientDataJSON,
        authenticatorData: bytes(8000, 'What the authenticator says: flags and a counter.'),
        signature: bytes(2000, 'The signature over both.'),
        userHandle: bytes(
          128,
          'The handle of the user; absent or null where the passkey has none.',
        ).nullish(),
      },
      'The answer of the authenticator.',
    ),
  },
  'The assertion of the browser, as `PublicKeyCredential.toJSON()` writes it.',
).meta({
  samples: [
    {
      id: 'AAAAAAAAAAAAAAAAAAAAAA',
      response: { clientDataJSON: 'e30', authenticatorData: 'AA', signature: 'AA' },
    },
  ],
})
export type AssertionAnswer = z.infer<typeof AssertionAnswer>

/** An answer in a field of a hosted form, as JSON text. */
export const inForm = <T extends z.ZodType>(answer: T) =>
  z
    .string()
    .max(60_000)
    .transform((text, context) => {
      try {
        return JSON.parse(text) as unknown
      } catch {
        context.addIssue({ code: 'custom', message: 'Must be JSON.' })
        return z.NEVER
      }
    })
    .pipe(answer)

/** Reads an answer that an operation takes for several methods. @throws Problem VALIDATION_ERROR */
export function readAnswer<T>(answer: z.ZodType<T>, credential: unknown): T {
  const read = answer.safeParse(credential)
  if (read.success) return read.data
  throw invalid(
    'credential',
    credential === undefined ? 'required' : 'invalid',
    'Send the answer of the authenticator.',
  )
}
