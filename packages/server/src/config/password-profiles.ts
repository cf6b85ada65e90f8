/**
 * The names of the password profiles, and what each conforms to: stated wherever a profile is chosen (the settings
 * reference, `latchkey config check`, an organization's security policy). The rules are those of
 * features/signin/passwords/profiles.ts.
 */

export const PASSWORD_PROFILES = ['nist', 'classic', 'pci', 'custom'] as const
export type PasswordProfileName = (typeof PASSWORD_PROFILES)[number]

/** One sentence each. */
export const CONFORMANCE: Readonly<Record<PasswordProfileName, string>> = {
  nist: 'Follows NIST SP 800-63B-4, section 3.1.1.2: a minimum length and a list of refused passwords, no character classes and no expiry.',
  classic:
    'Follows what many older policies require, and not NIST SP 800-63B-4, which forbids character classes and regular changes.',
  pci: 'Follows PCI DSS 4.0.1, requirements 8.3.6, 8.3.7 and 8.3.9; requirements 8.3.4 and 8.2.8 (lock-out and idle sessions) depend on other settings.',
  custom: 'Follows the settings of the server, and claims no standard.',
}
