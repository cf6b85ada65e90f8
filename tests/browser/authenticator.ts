/**
 * A virtual authenticator in Chromium (Chrome DevTools Protocol, domain WebAuthn): passkeys as a phone or a computer keeps
 * them, without a device. Browsers require a domain; that of the public URL of a server under test is `localhost`.
 */
import type { Page } from 'playwright-core'

export interface VirtualAuthenticator {
  /** Whether it answers at once; otherwise a ceremony waits. */
  answers(answers: boolean): Promise<void>
  /** The ids of its passkeys, in base64url. */
  passkeys(): Promise<string[]>
  /** Sets the counter of its passkeys, as a copy that was used elsewhere has it. */
  setCounter(counter: number): Promise<void>
}

/** @param verifiesUser whether it has a fingerprint reader or a PIN, by which its user is verified */
export async function addAuthenticator(
  page: Page,
  { verifiesUser = true } = {},
): Promise<VirtualAuthenticator> {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: verifiesUser,
      isUserVerified: verifiesUser,
      automaticPresenceSimulation: true,
    },
  })
  const credentials = async () => (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials
  return {
    answers: async (enabled) =>
      void (await cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled })),
    passkeys: async () =>
      (await credentials()).map(({ credentialId }) =>
        Buffer.from(credentialId, 'base64').toString('base64url'),
      ),
    async setCounter(signCount) {
      for (const credential of await credentials()) {
        await cdp.send('WebAuthn.removeCredential', {
          authenticatorId,
          credentialId: credential.credentialId,
        })
        await cdp.send('WebAuthn.addCredential', {
          authenticatorId,
          credential: { ...credential, signCount },
        })
      }
    },
  }
}
