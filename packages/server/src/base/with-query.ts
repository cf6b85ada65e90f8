/** RFC 6749 §3.1.2: an address with these parameters; the query that it has is kept as it is. */
export function withQuery(address: string, fields: Readonly<Record<string, string>>): string {
  const separator = !address.includes('?') ? '?' : /[?&]$/.test(address) ? '' : '&'
  const pairs = Object.entries(fields).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
  return address + separator + pairs.join('&')
}
