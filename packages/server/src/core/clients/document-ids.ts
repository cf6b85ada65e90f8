/**
 * Client ids that are addresses of metadata documents (draft-ietf-oauth-client-id-metadata-document §3), and which ones this server
 * reads. Pure. Invariant: such an id has one reading. It is in the normal form of the URL standard, because it is compared as text,
 * and names the app to users by its host.
 */
import type { Config } from '../../config.ts'

type DocumentSetting = Config['clientIdDocuments']

/** Characters: it is the key of a row, and is in every token. */
const LONGEST_DOCUMENT_ID = 500

/** Whether it is an https URL with a path, in its normal form, without user information and fragment. Dot segments have none. */
export function isDocumentId(id: string): boolean {
  if (id.length > LONGEST_DOCUMENT_ID || !/^https:\/\/[\x21-\x7e]+$/.test(id) || id.includes('#'))
    return false
  const url = URL.canParse(id) ? new URL(id) : null
  return url !== null && url.href === id && url.username + url.password === '' && url.pathname !== '/'
}

const isListed = (setting: DocumentSetting, { hostname, port }: URL): boolean =>
  Array.isArray(setting) && (setting.includes(hostname) || setting.includes(`${hostname}:${port || '443'}`))

/** Whether this server reads the document at that address. */
export const readsDocument = (setting: DocumentSetting, id: string): boolean =>
  setting !== 'off' && isDocumentId(id) && (setting === 'on' || isListed(setting, new URL(id)))

/** Whether its host may be in a private network: only one that the operator has named. */
export const mayBePrivateDocument = (setting: DocumentSetting, id: string): boolean =>
  isListed(setting, new URL(id))
