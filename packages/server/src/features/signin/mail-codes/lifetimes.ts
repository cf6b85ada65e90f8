/** How long links and codes by e-mail are valid, in milliseconds. */
export const LINK_LIFETIME = 15 * 60_000
export const CODE_LIFETIME = 10 * 60_000
