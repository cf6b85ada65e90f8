/** The hosted pages of a SAML connection's certificates: fetching metadata, approving certificates, renewing our keys. */
import { z } from 'zod'
import type { Call } from '../../../base/call.ts'
import { invalid, Problem, reasonOf } from '../../../base/errors.ts'
import { type PageAnswer, page, type Row } from '../../../base/http/row/route.ts'
import type { FormState } from '../../../base/page/index.ts'
import type { Tools } from '../../../core/tools.ts'
import { type Above, again, frameOf, questionRows } from '../frame/index.ts'
import { ApproveCertificates, NewKeys } from './certificate-views.tsx'
import { getConnection } from './connections.ts'
import { connectionOperations as of } from './operations.ts'
import { asCaller } from './owners.ts'
import { CONNECTION, OneConnection, showConnection, toConnection } from './pages.tsx'
import { providerText } from './provider-texts.ts'
import { connectionText as t } from './texts.ts'
import { approvePending, refreshMetadata, rotateKeys } from './upkeep.ts'
import { ApprovalFields, connectionView, RotationFields } from './view.ts'

const QUESTIONS = {
  certificates: [ApproveCertificates, 'approve.title'],
  keys: [NewKeys, 'keys.title'],
} as const

async function showQuestion(
  tools: Tools,
  call: Call,
  connectionId: string,
  about: keyof typeof QUESTIONS,
  form: FormState,
): Promise<PageAnswer> {
  const { shell } = await frameOf(tools, call)
  const connection = await getConnection(tools, call, 'organization', connectionId)
  const { certificates } = connectionView(tools.config, connection, call.now)
  const [Question, title] = QUESTIONS[about]
  return {
    page: <Question shell={shell} connection={connection} certificates={certificates} {...form} />,
    title: t(call.locale, title, connection),
  }
}

const stale = ({ locale }: Call): string => t(locale, 'refused.stale')

/** Why metadata could not be fetched. */
function fetchFault({ locale }: Call, problem: Problem, above: Above): Above {
  const [detail] = Array.isArray(problem.details) ? problem.details : []
  const reason = detail ? providerText.find(locale, `fault.${detail.code}`) : null
  return reason === null ? above : { refused: t(locale, 'refused.fetch', { reason }) }
}

const Approval = OneConnection.extend({
  fingerprints: z
    .string()
    .max(700)
    .transform((text) => text.split(' ').filter(Boolean))
    .pipe(ApprovalFields.shape.fingerprints.unwrap()),
})
const Rotation = OneConnection.extend(RotationFields.shape)

export const samlConnectionPages = (tools: Tools): Row[] => [
  page({
    of: of.refreshMetadata,
    name: 'pages.organizations.connection.metadata.submit',
    method: 'POST',
    path: `${CONNECTION}/metadata`,
    formAt: CONNECTION,
    input: OneConnection,
    run: async (call, input) => {
      try {
        await refreshMetadata(tools, asCaller(tools, call, 'organization'), async () => input.connection_id)
      } catch (error) {
        // the page of the connection says it, not the one of a server that is busy
        if (!(error instanceof Problem) || error.code !== 'UNAVAILABLE') throw error
        throw invalid('settings.saml.metadata_url', 'unreachable', error.message)
      }
      return toConnection(input, 'con_metadata')
    },
    redisplay: again(
      (call, { connection_id = '' }, { above, problem }) =>
        showConnection(tools, call, connection_id, fetchFault(call, problem, above)),
      stale,
    ),
  }),
  ...questionRows({
    confirm: of.confirmCertificates,
    of: of.approveCertificates,
    name: 'pages.organizations.connection.certificates.submit',
    path: `${CONNECTION}/certificates`,
    input: OneConnection,
    sent: Approval,
    show: (call, { connection_id = '' }, form) =>
      showQuestion(tools, call, connection_id, 'certificates', form),
    conflict: stale,
    run: async (call, input) => {
      const { connection_id: id, fingerprints } = input
      await approvePending(tools, asCaller(tools, call, 'organization'), async () => id, fingerprints)
      return toConnection(input, 'con_approved')
    },
    // sent twice: they are approved
    reached: (_call, { id = '', connection_id = '' }, problem) =>
      reasonOf(problem) === 'nothing_pending' ? toConnection({ id, connection_id }, 'con_approved') : null,
  }),
  ...questionRows({
    confirm: of.confirmKeys,
    of: of.rotateKeys,
    name: 'pages.organizations.connection.keys.submit',
    path: `${CONNECTION}/keys`,
    input: OneConnection,
    sent: Rotation,
    show: (call, { connection_id = '' }, form) => showQuestion(tools, call, connection_id, 'keys', form),
    conflict: stale,
    run: async (call, input) => {
      const { connection_id: id, step } = input
      await rotateKeys(tools, asCaller(tools, call, 'organization'), async () => id, step)
      return toConnection(input, step === 'prepare' ? 'con_new_keys' : 'con_keys_used')
    },
    // sent twice: they are in use
    reached: (_call, { id = '', connection_id = '' }, problem) =>
      reasonOf(problem) === 'no_next_keys' ? toConnection({ id, connection_id }, 'con_keys_used') : null,
  }),
]
