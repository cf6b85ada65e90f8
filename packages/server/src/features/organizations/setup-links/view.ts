/** Set-up links as the API and the command line take and show them. */
import { z } from 'zod'
import { LOCALES, type Locale } from '../../../base/call.ts'
import {
  described,
  exampleId,
  idField,
  idInput,
  textField,
  timeField,
  timeOrNull,
} from '../../../base/described.ts'
import { EmailAddress } from '../../../base/identifiers.ts'
import { SETUP_PROVIDERS, type SetupProvider } from './choices.ts'
import { type IssuedSetupLink, LONGEST_LIFE, type NewSetupLink, type ShownSetupLink } from './setup-links.ts'

export const INTENTS = ['both', 'connection', 'domain'] as const

const Common = z.object({
  id: idField('lnk', 'The id of the set-up link.'),
  intent: described(z.enum(INTENTS), 'What it sets up.', 'both'),
  provider: described(
    z.enum(SETUP_PROVIDERS).nullable(),
    'The provider that was chosen for its reader; null: the reader chooses.',
    null,
  ),
  expires_at: timeField('Until when it works.', '2030-06-08T12:00:00.000Z'),
})

export const IssuedSetupLinkView = Common.extend({
  url: textField(
    'The address to hand over. It is a credential, and no other answer contains it.',
    `https://id.example.com/setup/connection/${exampleId('lnk')}.kPZ0b6pV5f3V0XgqzH2m1d9s7yT4uQ8wE6rL0aC3nJk`,
  ),
})

export const SetupLinkView = Common.extend({
  state: described(
    z.enum(['open', 'completed', 'void']),
    '`completed`: it shows what was set up and the last sign-ins, and changes nothing. `void`: its maker may no longer do what it permits, so that it does not work.',
    'open',
  ),
  connection_id: described(
    z.string().nullable(),
    'The connection that was created with it; null: none yet. Form: `con_…`.',
    null,
  ),
  made_by: described(z.string(), 'Who made it. Form: `usr_…`.', exampleId('usr')),
  created_at: timeField('When it was made.'),
  last_used_at: timeOrNull('When it was last used, within ten minutes; null: never.'),
}).meta({ id: 'SetupLink' })

const commonOf = ({ id, intent, provider, expires_at }: Omit<ShownSetupLink, 'isVoid'>) => ({
  id,
  intent,
  provider: provider as SetupProvider | null,
  expires_at: expires_at.toISOString(),
})

export type SetupLinkView = z.input<typeof SetupLinkView>

export const setupLinkView = (link: ShownSetupLink): SetupLinkView => ({
  ...commonOf(link),
  state: link.isVoid ? 'void' : link.completed_at === null ? 'open' : 'completed',
  connection_id: link.connection_id,
  made_by: link.made_by,
  created_at: link.created_at.toISOString(),
  last_used_at: link.last_used_at?.toISOString() ?? null,
})

export const SetupLinkId = idInput('lnk', 'The set-up link.')

const SECONDS = LONGEST_LIFE / 1000

export const NewSetupLinkFields = z.object({
  intent: described(
    z.enum(INTENTS).default('both'),
    '`connection`, `domain`, or `both`, in which the domain may be left for later.',
    'both',
  ),
  provider: described(
    z.enum(SETUP_PROVIDERS),
    'Chooses the provider for the reader. Absent: the reader chooses.',
  )
    .optional()
    .meta({ samples: [] }),
  email: EmailAddress.optional().meta({
    description: 'Sends the link to this address. Absent: you hand it over yourself.',
    samples: ['it@example.com'],
  }),
  locale: z
    .enum(LOCALES)
    .optional()
    .meta({ description: 'The language of the e-mail. Default: that of the request.', samples: ['de'] }),
  expires_in: z
    .number()
    .int()
    .min(300)
    .max(SECONDS)
    .default(SECONDS)
    .meta({ description: 'Seconds until it expires, at most seven days.', samples: [SECONDS] }),
})

/** @param locale of an e-mail, where none is named */
export const newSetupLinkIn = (
  { intent, provider, email, locale, expires_in }: z.output<typeof NewSetupLinkFields>,
  fallback: Locale,
): NewSetupLink => ({
  intent,
  provider: provider ?? null,
  email: email ?? null,
  locale: locale ?? fallback,
  lifetime: expires_in * 1000,
})

export type IssuedSetupLinkView = z.input<typeof IssuedSetupLinkView>

export const issuedSetupLinkView = ({ link, url }: IssuedSetupLink): IssuedSetupLinkView => ({
  ...commonOf(link),
  url,
})
