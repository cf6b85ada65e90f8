/**
 * Branding by configuration: name, logo, accent. At start-up, refuses settings that the Content-Security-Policy of the
 * pages would block. All colours of the accent are derived from one setting, each with sufficient contrast (WCAG 2.2
 * §1.4.3, §1.4.11) on the surfaces where it is used, in light and dark.
 */
export interface Brand {
  name: string
  logo: string | null
  light: Palette
  dark: Palette
}
export interface Palette {
  /** Fill of primary buttons: the accent itself if it is distinguishable from the card. */
  fill: string
  /** Text on the fill; at least 4.5:1. */
  onFill: string
  /** Links, focus rings and the edge of the fill; at least 4.5:1 on card and page. */
  accent: string
}

const DEFAULT_ACCENT = '#0c6b58'
/** The surfaces of styles.ts on which the accent needs contrast. */
export const SURFACES = {
  light: { page: '#f4f4f1', card: '#ffffff' },
  dark: { page: '#111315', card: '#1a1d20' },
} as const

type Rgb = readonly [number, number, number]

const HEX = /^#(?:[0-9a-f]{3}|[0-9a-f]{6})$/i
const LOGO_DATA =
  /^data:image\/(?:png|jpeg|gif|webp|svg\+xml)(?:;[\w-]+(?:=[\w-]+)?)*,[\w\-.~%+/=!*'();:@&$,]+$/

function parse(hex: string): Rgb {
  const digits = hex.slice(1)
  const long = digits.length === 3 ? [...digits].map((digit) => digit + digit).join('') : digits
  const value = Number.parseInt(long, 16)
  return [value >> 16, (value >> 8) & 255, value & 255]
}

const format = (colour: Rgb): string =>
  `#${colour.map((part) => Math.round(part).toString(16).padStart(2, '0')).join('')}`

/** WCAG 2.2: relative luminance. */
function luminance(colour: Rgb): number {
  const [r, g, b] = colour.map((part) => {
    const share = part / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

/** WCAG 2.2: contrast ratio of two colours given in hexadecimal, 1 to 21. */
export function contrast(a: string, b: string): number {
  const [x, y] = [luminance(parse(a)), luminance(parse(b))]
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05)
}

/** Hue in sixths of the circle, saturation and lightness from 0 to 1. */
function toHsl([r, g, b]: Rgb): readonly [number, number, number] {
  const [high, low] = [Math.max(r, g, b) / 255, Math.min(r, g, b) / 255]
  const [span, lightness] = [high - low, (high + low) / 2]
  if (span === 0) return [0, 0, lightness]
  const scale = span * 255
  const hue =
    high * 255 === r ? (g - b) / scale + 6 : high * 255 === g ? (b - r) / scale + 2 : (r - g) / scale + 4
  return [hue % 6, span / (1 - Math.abs(2 * lightness - 1)), lightness]
}

function fromHsl(hue: number, saturation: number, lightness: number): Rgb {
  const reach = saturation * Math.min(lightness, 1 - lightness)
  const part = (at: number): number => {
    const k = (at + hue * 2) % 12
    return 255 * (lightness - reach * Math.max(-1, Math.min(k - 3, 9 - k, 1)))
  }
  return [part(0), part(8), part(4)]
}

/**
 * The nearest colour of the same hue, darker or lighter, that has the contrast ratio on every surface. A lighter colour
 * loses some saturation, to avoid glare.
 */
function withContrast(colour: string, toward: 0 | 1, surfaces: readonly string[], ratio: number): string {
  if (surfaces.every((surface) => contrast(colour, surface) >= ratio)) return colour
  const [hue, saturation, lightness] = toHsl(parse(colour))
  for (let step = 1; step <= 100; step++) {
    const mixed = format(
      fromHsl(
        hue,
        toward ? Math.min(saturation, 0.6) : saturation,
        lightness + ((toward - lightness) * step) / 100,
      ),
    )
    if (surfaces.every((surface) => contrast(mixed, surface) >= ratio)) return mixed
  }
  return toward ? '#ffffff' : '#000000'
}

const readableOn = (fill: string): string => (contrast(fill, '#ffffff') >= 4.5 ? '#ffffff' : '#000000')

function palette(accent: string, mode: 'light' | 'dark'): Palette {
  const surfaces = Object.values(SURFACES[mode])
  const toward = mode === 'light' ? 0 : 1
  // a bright colour keeps its tone on a light card, where the edge has the contrast; a dark one would be invisible on
  // a dark card
  const fill = withContrast(accent, toward, [SURFACES[mode].card], mode === 'light' ? 1.2 : 3)
  return {
    fill,
    onFill: readableOn(fill),
    accent: withContrast(accent, toward, surfaces, mode === 'light' ? 4.6 : 6.5),
  }
}

/** @throws Error that names the setting if the logo or the accent cannot be used */
export function brand(config: {
  brandName: string
  brandLogo: string | null
  brandAccent: string | null
}): Brand {
  const accent = config.brandAccent ?? DEFAULT_ACCENT
  if (!HEX.test(accent)) throw new Error('LATCHKEY_BRAND_ACCENT must be a colour such as #0c6b58')
  if (config.brandLogo !== null && !isUsableLogo(config.brandLogo))
    throw new Error('LATCHKEY_BRAND_LOGO must be a path on this server (/…) or a data: image')
  return {
    name: config.brandName,
    logo: config.brandLogo,
    light: palette(accent, 'light'),
    dark: palette(accent, 'dark'),
  }
}

/** The pages may load images only from this origin and from data: URLs. */
const isUsableLogo = (logo: string): boolean => /^\/(?![/\\])[^\s\\]*$/.test(logo) || LOGO_DATA.test(logo)
