/** What is entered of a connection, at each place where it is: the API, the pages of owners, and a set-up link. */
import { z } from 'zod'

/** RFC 6749 appendix A.1 */
export const ClientId = z
  .string()
  .max(500)
  .regex(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/, {
    error: () => 'Use 1 to 500 printable characters of ASCII.',
  })
  .meta({
    description: 'What the provider knows this server by. Not for `saml`.',
    samples: ['latchkey'],
  })

/** A secret of RFC 6749 appendix A.2, or a private key in PEM, which has several lines. */
export const ClientSecret = z
  .string()
  .max(10_000)
  .regex(/^[\x21-\x7e](?:[\x20-\x7e\r\n]{0,9998}[\x21-\x7e\r\n])?$/, {
    error: () => 'Use 1 to 10000 printable characters.',
  })
  .meta({
    description:
      'The secret of the client, or of Apple the private key in PEM. It is stored encrypted, and no answer contains it.',
    samples: ['3q2-7wAAAAAAkPZ0b6pV5f3V0XgqzH2m'],
  })

/** Characters of metadata that is sent instead of fetched: more than any identity provider writes. */
export const LONGEST_METADATA = 400_000

/** Bytes of a body with metadata, in which a form and JSON escape characters. */
export const METADATA_BODY = LONGEST_METADATA * 3 + 20_000
