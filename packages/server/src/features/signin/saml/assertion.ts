/**
 * Reading a signed assertion (SAML core §2.3 to 2.7, profiles §4.1.4): whether it is for this server, now, and for the request
 * that was sent; and what it says. Pure: the assertion is the tree of the bytes that were signed.
 */
import { attributeOf, childrenOf, onlyChild, type XmlElement, xmlText } from '../../../base/xml/index.ts'
import { CLOCK_SKEW, spellSpan } from '../../../core/providers/diagnostics.ts'
import { FederationFault } from '../../../core/providers/index.ts'
import type { Attributes } from '../../../core/saml/attributes.ts'
import { NAME_ID_FORMATS, SAML } from '../../../core/saml/names.ts'

/** The age that an assertion may have, as long as a sign-in may take. */
const MAX_AGE = 15 * 60_000
/** The only method of confirmation that is accepted: who presents the assertion is its subject (SAML profiles §3.3). */
const BEARER = 'urn:oasis:names:tc:SAML:2.0:cm:bearer'
/** Conditions that are understood; an assertion with any other is not valid (SAML core §2.5.1). */
const CONDITIONS = ['AudienceRestriction', 'OneTimeUse', 'ProxyRestriction']

export interface ExpectedAssertion {
  /** The entity id of the identity provider. */
  issuer: string
  audience: string
  /** The URL of the assertion consumer service. */
  recipient: string
  /** The id of our request: an assertion that no request asked for is refused. */
  requestId: string
  now: Date
}

export interface NameId {
  value: string
  format: string
  nameQualifier: string | null
  spNameQualifier: string | null
}

export interface AssertionFacts {
  id: string
  nameId: NameId | null
  sessionIndex: string | null
  authenticatedAt: Date | null
  context: string | null
  attributes: Attributes
  /** Until when it must not be accepted again. */
  until: Date
}

const bad = (detail: string): FederationFault => new FederationFault('bad_answer', detail)
const wrongTime = (detail: string): FederationFault => new FederationFault('wrong_time', detail)

/** @throws FederationFault, XmlFault */
export function readAssertion(assertion: XmlElement, expected: ExpectedAssertion): AssertionFacts {
  const { now } = expected
  const id = attributeOf(assertion, 'ID')
  if (id === null || attributeOf(assertion, 'Version') !== '2.0')
    throw bad('The assertion is not of SAML 2.0.')
  assertIssuer(onlyChild(assertion, SAML.assertion, 'Issuer'), expected.issuer, 'assertion')
  assertAge(assertion, expected)
  assertConditions(assertion, expected)
  const subject = onlyChild(assertion, SAML.assertion, 'Subject')
  if (subject === null) throw new FederationFault('no_subject', 'The assertion has no Subject.')
  const until = assertConfirmed(subject, expected)
  const statement = statementOf(assertion, now)
  const context = onlyChild(statement, SAML.assertion, 'AuthnContext')
  const reference = context && onlyChild(context, SAML.assertion, 'AuthnContextClassRef')
  return {
    id,
    nameId: nameIdOf(subject),
    sessionIndex: attributeOf(statement, 'SessionIndex')?.slice(0, 300) ?? null,
    authenticatedAt: xmlTime(statement, 'AuthnInstant'),
    context: reference ? xmlText(reference).slice(0, 300) : null,
    attributes: attributesOf(assertion),
    until: new Date(until.getTime() + CLOCK_SKEW),
  }
}

/** @param element absent in a response, which need not name its issuer */
export function assertIssuer(element: XmlElement | null, expected: string, of: string): void {
  if (element === null) throw bad(`The ${of} names no issuer.`)
  const issuer = xmlText(element)
  if (issuer !== expected)
    throw new FederationFault('wrong_issuer', `The issuer is ${issuer.slice(0, 200)}, expected ${expected}.`)
}

/** A time of XML Schema with a time zone; null where the attribute is absent. @throws FederationFault */
export function xmlTime(element: XmlElement, name: string): Date | null {
  const text = attributeOf(element, name)
  if (text === null) return null
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/.test(text)
  const time = new Date(isTime ? text.replace(/(\.\d{3})\d+/, '$1') : Number.NaN)
  if (Number.isNaN(time.getTime())) throw bad(`${name} is not a time with a time zone: ${text.slice(0, 40)}.`)
  return time
}

/** NotBefore and NotOnOrAfter of an element. @returns the latter. @throws FederationFault wrong_time */
export function assertWithin(element: XmlElement, now: Date): Date | null {
  const from = xmlTime(element, 'NotBefore')
  const until = xmlTime(element, 'NotOnOrAfter')
  if (from && from.getTime() > now.getTime() + CLOCK_SKEW)
    throw wrongTime(`NotBefore of ${element.name} is ${spellSpan(from.getTime() - now.getTime())} ahead.`)
  if (until && until.getTime() + CLOCK_SKEW <= now.getTime())
    throw wrongTime(`NotOnOrAfter of ${element.name} was ${spellSpan(now.getTime() - until.getTime())} ago.`)
  return until
}

/** The IssueInstant of a message. @throws FederationFault wrong_time */
export function assertIssued(element: XmlElement, now: Date, maxAge: number): void {
  const issued = xmlTime(element, 'IssueInstant')
  if (issued === null) throw bad(`${element.name} has no IssueInstant.`)
  const age = now.getTime() - issued.getTime()
  if (age < -CLOCK_SKEW) throw wrongTime(`IssueInstant of ${element.name} is ${spellSpan(age)} ahead.`)
  if (age > maxAge + CLOCK_SKEW) throw wrongTime(`${element.name} was issued ${spellSpan(age)} ago.`)
}

const assertAge = (assertion: XmlElement, { now }: ExpectedAssertion): void =>
  assertIssued(assertion, now, MAX_AGE)

function assertConditions(assertion: XmlElement, { audience, now }: ExpectedAssertion): void {
  const conditions = onlyChild(assertion, SAML.assertion, 'Conditions')
  if (conditions === null) throw bad('The assertion has no Conditions.')
  assertWithin(conditions, now)
  const unknown = conditions.children.find(
    ({ name, namespace }) => namespace !== SAML.assertion || !CONDITIONS.includes(name),
  )
  if (unknown)
    throw bad(`The assertion has a condition that is not understood: ${unknown.name.slice(0, 60)}.`)
  const restrictions = childrenOf(conditions, SAML.assertion, 'AudienceRestriction')
  if (restrictions.length === 0)
    throw new FederationFault('wrong_audience', `The assertion names no audience, expected ${audience}.`)
  for (const restriction of restrictions) {
    const audiences = childrenOf(restriction, SAML.assertion, 'Audience').map(xmlText)
    if (!audiences.includes(audience))
      throw new FederationFault(
        'wrong_audience',
        `The audience is ${audiences.join(', ').slice(0, 200) || 'empty'}, expected ${audience}.`,
      )
  }
}

/** The bearer confirmation, SAML profiles §4.1.4.2: one that is fulfilled suffices. @returns its NotOnOrAfter */
function assertConfirmed(subject: XmlElement, expected: ExpectedAssertion): Date {
  const confirmations = childrenOf(subject, SAML.assertion, 'SubjectConfirmation')
  const bearers = confirmations.filter((one) => attributeOf(one, 'Method') === BEARER)
  let fault: FederationFault = bad('The assertion has no bearer confirmation of its subject.')
  for (const bearer of bearers) {
    try {
      return confirmedUntil(bearer, expected)
    } catch (error) {
      if (!(error instanceof FederationFault)) throw error
      fault = error
    }
  }
  throw fault
}

function confirmedUntil(bearer: XmlElement, { recipient, requestId, now }: ExpectedAssertion): Date {
  const data = onlyChild(bearer, SAML.assertion, 'SubjectConfirmationData')
  if (data === null) throw bad('The confirmation of the subject has no data.')
  const to = attributeOf(data, 'Recipient')
  if (to !== recipient)
    throw new FederationFault(
      'wrong_recipient',
      `The recipient is ${to?.slice(0, 200) ?? 'missing'}, expected ${recipient}.`,
    )
  if (attributeOf(data, 'NotBefore') !== null) throw bad('The confirmation of the subject has a NotBefore.')
  const until = assertWithin(data, now)
  if (until === null) throw bad('The confirmation of the subject has no NotOnOrAfter.')
  assertAnswers(data, requestId)
  return until
}

/** InResponseTo of an element must name our request. @throws FederationFault */
export function assertAnswers(element: XmlElement, requestId: string): void {
  const answered = attributeOf(element, 'InResponseTo')
  if (answered === requestId) return
  throw new FederationFault(
    'wrong_request',
    `${element.name} answers ${answered === null ? 'no request' : 'another request'}.`,
  )
}

function statementOf(assertion: XmlElement, now: Date): XmlElement {
  const [statement] = childrenOf(assertion, SAML.assertion, 'AuthnStatement')
  if (!statement) throw bad('The assertion does not say that the user was authenticated.')
  const until = xmlTime(statement, 'SessionNotOnOrAfter')
  if (until && until.getTime() + CLOCK_SKEW <= now.getTime())
    throw wrongTime(`The session at the provider ended ${spellSpan(now.getTime() - until.getTime())} ago.`)
  return statement
}

function nameIdOf(subject: XmlElement): NameId | null {
  if (childrenOf(subject, SAML.assertion, 'EncryptedID').length > 0)
    throw new FederationFault('encryption', 'The NameID is encrypted. Encrypt the assertion instead.')
  const element = onlyChild(subject, SAML.assertion, 'NameID')
  return element && readNameId(element)
}

/** @throws FederationFault no_subject */
export function readNameId(element: XmlElement): NameId {
  const value = xmlText(element)
  if (value === '' || value.length > 500 || /\p{Cc}/u.test(value))
    throw new FederationFault('no_subject', 'The NameID is empty, too long, or has control characters.')
  const short = (name: string) => attributeOf(element, name)?.slice(0, 1024) || null
  return {
    value,
    format: attributeOf(element, 'Format')?.slice(0, 300) || NAME_ID_FORMATS.unspecified,
    nameQualifier: short('NameQualifier'),
    spNameQualifier: short('SPNameQualifier'),
  }
}

const [MAX_ATTRIBUTES, MAX_VALUES, MAX_LENGTH] = [100, 500, 1000]

function attributesOf(assertion: XmlElement): Attributes {
  const attributes = new Map<string, string[]>()
  for (const statement of childrenOf(assertion, SAML.assertion, 'AttributeStatement'))
    for (const attribute of childrenOf(statement, SAML.assertion, 'Attribute')) {
      const name = attributeOf(attribute, 'Name')
      if (!name || name.length > 300) continue
      const values = attributes.get(name) ?? []
      if (values.length === 0 && attributes.size >= MAX_ATTRIBUTES) break
      for (const value of childrenOf(attribute, SAML.assertion, 'AttributeValue')) {
        // structured values, such as a NameID of eduPersonTargetedID, have no mapping
        if (value.children.length > 0 || values.length >= MAX_VALUES) continue
        const text = xmlText(value)
        if (text !== '' && text.length <= MAX_LENGTH) values.push(text)
      }
      attributes.set(name, values)
    }
  return attributes
}
