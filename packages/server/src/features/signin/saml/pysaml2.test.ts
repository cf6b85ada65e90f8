/** An identity provider that is not ours: pysaml2, which signs and encrypts with xmlsec1. In both directions. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { samlAddressesOf } from '../../../core/connections/index.ts'
import { askPysaml2, hasPysaml2 } from '../../../testing/pysaml2.ts'
import {
  base64,
  IDP,
  REQUEST_ID,
  rememberSamlSession,
  type SamlPeer,
  samlPeer,
} from '../../../testing/saml-connection.ts'
import { signElement } from '../../../testing/saml-provider.ts'
import { startWorld, type World } from '../../../testing/world.ts'
import { readSamlResponse, samlLogoutRequest, samlRequest } from './index.ts'

/** An identity provider for the metadata of ours, with the key of the test. */
const PROVIDER = `
import os, tempfile
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.config import IdPConfig
from saml2.server import Server
from saml2.saml import NameID, NAMEID_FORMAT_PERSISTENT, NAMEID_FORMAT_TRANSIENT
from saml2.xml.schema import schema_saml_protocol
from saml2.xmldsig import SIG_RSA_SHA1, SIG_RSA_SHA256, SIG_RSA_SHA512, DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA512

folder = tempfile.mkdtemp()
for name in ("key", "certificate"):
    with open(os.path.join(folder, name), "w") as file:
        file.write(more[name])
server = Server(config=IdPConfig().load({
    "entityid": more["issuer"],
    "xmlsec_binary": "/usr/bin/xmlsec1",
    "key_file": os.path.join(folder, "key"),
    "cert_file": os.path.join(folder, "certificate"),
    "metadata": {"inline": [document]},
    "service": {"idp": {
        "endpoints": {
            "single_sign_on_service": [("https://idp.example/sso", BINDING_HTTP_REDIRECT), ("https://idp.example/sso", BINDING_HTTP_POST)],
            "single_logout_service": [("https://idp.example/slo", BINDING_HTTP_REDIRECT)],
        },
        "policy": {"default": {"lifetime": {"minutes": 5}, "attribute_restrictions": None, "name_form": "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"}},
    }},
}))
`

const RESPOND = `
import saml2.sigver as sigver
# the defaults are triple DES, which we refuse
sigver.pre_encryption_part.__kwdefaults__["msg_enc"] = "http://www.w3.org/2001/04/xmlenc#aes128-cbc"
run = sigver.CryptoBackendXmlSec1._run_xmlsec
sigver.CryptoBackendXmlSec1._run_xmlsec = lambda self, command, extra: run(
    self, ["aes-128" if part == "des-192" else part for part in command], extra
)
${PROVIDER}
def respond(case):
    return str(server.create_authn_response(
        {"mail": ["ada@example.com"], "givenName": ["Ada"], "sn": ["Lovelace"], "eduPersonPrincipalName": ["ada@example.com"]},
        in_response_to=case.get("request", more["request"]),
        destination=case.get("acs", more["acs"]),
        sp_entity_id=more["audience"],
        name_id=NameID(
            format=NAMEID_FORMAT_TRANSIENT if case.get("transient") else NAMEID_FORMAT_PERSISTENT,
            text="ada-1815",
            sp_name_qualifier=more["audience"],
        ),
        issuer=case.get("issuer", more["issuer"]),
        authn={"class_ref": "urn:oasis:names:tc:SAML:2.0:ac:classes:Password", "authn_auth": more["issuer"]},
        sign_assertion=case.get("assertion", True),
        sign_response=case.get("response", False),
        encrypt_assertion=case.get("encrypted", False),
        sign_alg={"sha1": SIG_RSA_SHA1, "sha512": SIG_RSA_SHA512}.get(case.get("hash"), SIG_RSA_SHA256),
        digest_alg={"sha1": DIGEST_SHA1, "sha512": DIGEST_SHA512}.get(case.get("hash"), DIGEST_SHA256),
    ))
answer([respond(case) for case in more["cases"]])
`

const READ_REQUEST = `${PROVIDER}
request = server.parse_authn_request(more["message"], BINDING_HTTP_POST if more["post"] else BINDING_HTTP_REDIRECT)
schema_saml_protocol.validate(str(request.message))
answer({"id": request.message.id, "force": request.message.force_authn, "issuer": request.message.issuer.text})
`

const READ_LOGOUT = `${PROVIDER}
request = server.parse_logout_request(more["message"], BINDING_HTTP_REDIRECT)
schema_saml_protocol.validate(str(request.message))
answer([request.message.name_id.text, [index.text for index in request.message.session_index]])
`

let world: World
let peer: SamlPeer
let metadata: string
beforeAll(async () => {
  world = await startWorld()
  // pysaml2 and xmlsec1 read the clock of the machine
  world.app.tools.clock.set(new Date())
  peer = await samlPeer(world, { saml: { signs_requests: true, slo_url: 'https://idp.example/slo' } })
  metadata = await (await fetch(`${world.url}/saml/${peer.connection.slug}/metadata`)).text()
})
afterAll(() => world.stop())

async function ask(program: string, more: Record<string, unknown> = {}): Promise<unknown> {
  const { acs, entityId } = samlAddressesOf(world.config, peer.connection)
  return askPysaml2(program, metadata, {
    key: peer.key.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    certificate: `-----BEGIN CERTIFICATE-----\n${peer.key.certificate.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
    issuer: IDP,
    request: REQUEST_ID,
    acs,
    audience: entityId,
    ...more,
  })
}
const responses = async (cases: readonly Record<string, unknown>[]): Promise<string[]> =>
  (await ask(RESPOND, { cases })) as string[]
const read = (xml: unknown) =>
  readSamlResponse(world.app.tools, peer.connection, {
    response: base64(String(xml)),
    expected: { request_id: REQUEST_ID },
    now: world.clock.now(),
  })

describe.skipIf(!hasPysaml2)('pysaml2 as the identity provider', () => {
  it('signs people in, with its attributes', async () => {
    const [response] = await responses([{}])
    expect(await read(response)).toMatchObject({
      issuer: IDP,
      subject: 'ada-1815',
      email: 'ada@example.com',
      username: 'ada@example.com',
      fullName: 'Ada Lovelace',
      session: {
        name_id: 'ada-1815',
        sp_name_qualifier: samlAddressesOf(world.config, peer.connection).entityId,
      },
    })
  })

  it('signs people in with a signed response, with SHA-512, and with an encrypted assertion', async () => {
    const cases = [
      { response: true },
      { hash: 'sha512' },
      { encrypted: true },
      { encrypted: true, response: true },
    ]
    for (const response of await responses(cases))
      expect(await read(response)).toMatchObject({ subject: 'ada-1815' })
  })

  it('is refused where it does what the canon forbids', async () => {
    const cases = [
      [{ hash: 'sha1' }, 'wrong_signature'],
      [{ assertion: false, response: true }, 'wrong_signature'],
      [{ assertion: false, encrypted: true }, 'encryption'],
      [{ assertion: false }, 'wrong_signature'],
      [{ acs: 'https://other.example/acs' }, 'wrong_recipient'],
      [{ request: '_other' }, 'wrong_request'],
      [{ transient: true }, 'no_subject'],
    ] as const
    const made = await responses(cases.map(([options]) => options))
    for (const [n, [options, fault]] of cases.entries())
      await expect(read(made[n]), JSON.stringify(options)).rejects.toMatchObject({ fault })
  })

  it('reads our requests, which are valid by the schema of SAML', async () => {
    const now = world.clock.now()
    const redirect = await samlRequest(world.app.tools, peer.connection, {
      relayState: 's',
      fresh: true,
      now,
    })
    const query = new URL('url' in redirect ? redirect.url : '').searchParams
    expect(await ask(READ_REQUEST, { message: query.get('SAMLRequest'), post: false })).toMatchObject({
      id: redirect.expected.request_id,
      force: 'true',
    })
    const connection = {
      ...peer.connection,
      settings: { saml: { ...peer.connection.settings.saml, sso_binding: 'post' as const } },
    }
    const post = await samlRequest(world.app.tools, connection, { relayState: 's', now })
    const message = 'post' in post ? post.post.fields.SAMLRequest : ''
    expect(await ask(READ_REQUEST, { message, post: true })).toMatchObject({ id: post.expected.request_id })
  })

  it('reads our logout request', async () => {
    const [person] = await world.people(1)
    const id = (await person?.client.get('/api/v1/auth/sessions'))?.data[0].id
    await rememberSamlSession(world, id, peer.connection, {
      name_id: 'ada-1815',
      name_id_format: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
      name_qualifier: null,
      sp_name_qualifier: 'sp',
      session_index: 'index-1',
    })
    const sent = await samlLogoutRequest(world.app.tools, id, { relayState: null, now: world.clock.now() })
    const message = new URL(sent && 'url' in sent.message ? sent.message.url : '').searchParams.get(
      'SAMLRequest',
    )
    expect(await ask(READ_LOGOUT, { message })).toEqual(['ada-1815', ['index-1']])
  })
})

describe.skipIf(!hasPysaml2)('xmlsec1', () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-xmlsec-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  /** Signs the assertion of a response as `form` leaves it. */
  function signed(form: (template: string) => string = (same) => same): string {
    const { xml, id } = peer.assertion()
    const template = form(
      peer
        .response(signElement(xml, id, { key: peer.key }))
        .xml.replace(/<ds:(DigestValue|SignatureValue)>[^<]*/g, '<ds:$1>')
        .replace(/<ds:X509Certificate>[^<]*<\/ds:X509Certificate>/, ''),
    )
    const [key, input, output] = ['key.pem', 'in.xml', 'out.xml'].map((name) => join(folder, name))
    writeFileSync(key ?? '', peer.key.privateKey.export({ type: 'pkcs8', format: 'pem' }))
    writeFileSync(input ?? '', template)
    execFileSync(
      'xmlsec1',
      [
        '--sign',
        '--privkey-pem',
        key ?? '',
        '--id-attr:ID',
        'Assertion',
        '--output',
        output ?? '',
        input ?? '',
      ],
      { stdio: 'pipe' },
    )
    return readFileSync(output ?? '', 'utf8')
  }

  it('signs assertions that are accepted, with another layout of the XML as well', async () => {
    expect(await read(signed())).toMatchObject({ subject: 'ada' })
    expect(await read(signed((xml) => xml.replaceAll('><', '>\n  <')))).toMatchObject({ subject: 'ada' })
    expect(
      await read(signed((xml) => xml.replace('xmlns:samlp=', "xmlns:xs='urn:x'  xmlns:samlp="))),
    ).toBeTruthy()
  })

  it.each([
    [
      'a comment in the NameID',
      (xml: string) => xml.replace('>ada<', '>ada<!-- -->@evil.example<'),
      'unsafe_document',
    ],
    [
      'RSA-SHA1',
      (xml: string) =>
        xml.replace(
          'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
          'http://www.w3.org/2000/09/xmldsig#rsa-sha1',
        ),
      'wrong_signature',
    ],
    [
      'inclusive canonicalization',
      (xml: string) =>
        xml.replaceAll(
          'http://www.w3.org/2001/10/xml-exc-c14n#',
          'http://www.w3.org/TR/2001/REC-xml-c14n-20010315',
        ),
      'wrong_signature',
    ],
    [
      'an XPath transform',
      (xml: string) =>
        xml.replace(
          '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform>',
          '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>not(ancestor-or-self::*[local-name()="Subject"])</ds:XPath></ds:Transform>',
        ),
      'unsafe_document',
    ],
    [
      'a signature of part of the assertion',
      (xml: string) => xml.replace(/URI="#[^"]*"/, 'URI="#xpointer(//*[local-name()=\'Issuer\'])"'),
      'unsafe_document',
    ],
  ])('signs %s, which is refused', async (_, form, fault) => {
    await expect(read(signed(form))).rejects.toMatchObject({ fault })
  })
})
