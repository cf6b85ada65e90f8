/** What pg has and its types leave out. */
declare module 'pg/lib/utils.js' {
  const utils: {
    /** A value of JavaScript as a parameter on the wire. */
    prepareValue(value: unknown): string | Buffer | null
  }
  export default utils
}
