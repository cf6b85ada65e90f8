/** Texts within errors of OAuth: its characters are fewer than those of JSON, and what a request has sent is repeated shortened. */

/** The characters allowed in `error_description`, as a member and in a header (RFC 6749 §5.2, RFC 6750 §3). */
export const asQuotedText = (text: string): string => text.replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "'")

/** Characters of a value that an error repeats. */
const LONGEST_VALUE = 100

/** A value of the request, for an error of OAuth that says which one is wrong: in those characters, and bounded. */
export const asQuotedValue = (value: string): string =>
  value.length > LONGEST_VALUE ? `${asQuotedText(value.slice(0, LONGEST_VALUE))}...` : asQuotedText(value)
