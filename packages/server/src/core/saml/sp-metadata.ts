/** Writing our metadata as a service provider (SAML metadata §2.4.4). A pure function. */
import { escapeXml } from '../../base/xml/index.ts'
import type { samlAddressesOf } from '../connections/index.ts'
import type { ConnectionKey } from './keys.ts'
import { BINDING_URIS, NAME_ID_FORMATS, SAML } from './names.ts'

/** What an assertion may be encrypted with, the best first. */
export const CONTENT_ALGORITHMS = {
  'http://www.w3.org/2009/xmlenc11#aes256-gcm': 'aes-256-gcm',
  'http://www.w3.org/2009/xmlenc11#aes128-gcm': 'aes-128-gcm',
  'http://www.w3.org/2001/04/xmlenc#aes256-cbc': 'aes-256-cbc',
  'http://www.w3.org/2001/04/xmlenc#aes128-cbc': 'aes-128-cbc',
} as const
const KEY_ALGORITHM = 'http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p'

/**
 * The document of a service provider.
 * @param keys those that are published
 * @param wants the format of NameID that is requested first, and whether requests are signed
 */
export function writeSpMetadata(
  { entityId, acs, logout }: ReturnType<typeof samlAddressesOf>,
  keys: readonly ConnectionKey[],
  wants: { nameId: keyof typeof NAME_ID_FORMATS; signsRequests: boolean },
): string {
  const formats = [...new Set([wants.nameId, 'persistent', 'emailAddress', 'unspecified'] as const)]
  const methods = [...Object.keys(CONTENT_ALGORITHMS), KEY_ALGORITHM]
    .map((algorithm) => `<md:EncryptionMethod Algorithm="${algorithm}"/>`)
    .join('')
  const descriptors = keys.map(
    ({ use, certificate }) =>
      `<md:KeyDescriptor use="${use}"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>${certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>${use === 'encryption' ? methods : ''}</md:KeyDescriptor>`,
  )
  const logouts = (['redirect', 'post'] as const).map(
    (binding) =>
      `<md:SingleLogoutService Binding="${BINDING_URIS[binding]}" Location="${escapeXml(logout)}"/>`,
  )
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<md:EntityDescriptor xmlns:md="${SAML.metadata}" xmlns:ds="${SAML.signature}" entityID="${escapeXml(entityId)}">`,
    `<md:SPSSODescriptor AuthnRequestsSigned="${wants.signsRequests}" WantAssertionsSigned="true" protocolSupportEnumeration="${SAML.protocol}">`,
    ...descriptors,
    ...logouts,
    ...formats.map((format) => `<md:NameIDFormat>${NAME_ID_FORMATS[format]}</md:NameIDFormat>`),
    `<md:AssertionConsumerService Binding="${BINDING_URIS.post}" Location="${escapeXml(acs)}" index="0" isDefault="true"/>`,
    '</md:SPSSODescriptor>',
    '</md:EntityDescriptor>',
    '',
  ].join('\n')
}
