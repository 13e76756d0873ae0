import type { z } from 'zod'
import { readPublicKey } from '../auth/keys.js'
import { normalizeOrigin } from '../auth/origins.js'
import { described, duration, flag, list, type OptionProblem, text } from './fields.js'

/** As long as what HS256 makes of it, RFC 7518 section 3.2. */
const MIN_SECRET_BYTES = 32

export const access = {
  /**
   * Let in only who brings a token that is signed with this secret (HS256, at least 32 bytes). Of this and the next
   * two at most one may be set; without any, everybody may do everything.
   *
   * @default empty
   */
  jwtSecret: described(
    text('a text')
      .refine((secret) => secret === '' || Buffer.byteLength(secret) >= MIN_SECRET_BYTES, {
        error: `must have ${MIN_SECRET_BYTES} bytes or more, such as openssl rand -base64 32 makes`,
      })
      .default(''),
    {
      value: 'text',
      secret: true,
      description:
        'Let in only who brings a token that is signed with this secret (HS256, at least 32 bytes). Of this and the next two at most one may be set; without any, everybody may do everything.',
    },
  ),
  /**
   * The same with a public key in PEM, its line ends as they are or written as `\n`: RSA (RS256), P-256 (ES256) or
   * Ed25519 (EdDSA).
   *
   * @default empty
   */
  jwtPublicKey: described(
    text('a text')
      .refine((pem) => pem === '' || readPublicKey(pem) !== undefined, {
        error: 'must be a public key in PEM: RSA of 2048 bits or more, P-256 or Ed25519',
      })
      .default(''),
    {
      value: 'text',
      // It is none; but somebody will put the private key here one day.
      secret: true,
      description:
        'The same with a public key in PEM, its line ends as they are or written as `\\n`: RSA (RS256), P-256 (ES256) or Ed25519 (EdDSA).',
    },
  ),
  /**
   * The same with the public keys that an identity provider has at this URL. They are kept for 10 minutes, and
   * fetched anew for a token that none of them fits, at most every 30 s.
   *
   * @default empty
   */
  jwksUrl: described(
    text('a text')
      .refine((url) => url === '' || isKeySetUrl(url), {
        error: 'must be a URL with https or http, and without a user or a password',
      })
      .default(''),
    {
      value: 'text',
      // A query may have one in it.
      secret: true,
      description:
        'The same with the public keys that an identity provider has at this URL. They are kept for 10 minutes, and fetched anew for a token that none of them fits, at most every 30 s.',
    },
  ),
  /**
   * How old those keys may become while they cannot be fetched anew; after that nobody can get in. `/health` says so
   * from the first failure on.
   *
   * Milliseconds, or text such as `30s`, `12h` or `7d`.
   *
   * @default 24h
   */
  jwksMaxStale: described(duration().default(24 * 3_600_000), {
    value: 'duration',
    description:
      'How old those keys may become while they cannot be fetched anew; after that nobody can get in. `/health` says so from the first failure on.',
  }),
  /**
   * What the claim `iss` of a token must be; empty means anything.
   *
   * @default empty
   */
  jwtIssuer: described(text('a text').default(''), {
    value: 'text',
    description: 'What the claim `iss` of a token must be; empty means anything.',
  }),
  /**
   * What the claim `aud` of a token must be or have; empty means anything.
   *
   * @default empty
   */
  jwtAudience: described(text('a text').default(''), {
    value: 'text',
    description: 'What the claim `aud` of a token must be or have; empty means anything.',
  }),
  /**
   * How far the issuer's clock may be ahead: it counts for the claim `nbf`. `exp` is kept to the second, since the
   * connection ends then.
   *
   * Milliseconds, or text such as `30s`, `12h` or `7d`.
   *
   * @default 5s
   */
  jwtLeeway: described(duration().default(5000), {
    value: 'duration',
    description:
      "How far the issuer's clock may be ahead: it counts for the claim `nbf`. `exp` is kept to the second, since the connection ends then.",
  }),
  /**
   * Origins of the pages that may connect, separated by commas: `https://app.example.com`, `https://*.example.com`
   * for all below it, or `null`. Empty means all.
   *
   * An array, or text with commas between the items.
   *
   * @default empty
   */
  allowedOrigins: described(
    list(normalizeOrigin, 'must be origins such as https://app.example.com, https://*.example.com or null').default([]),
    {
      value: 'list',
      description:
        'Origins of the pages that may connect, separated by commas: `https://app.example.com`, `https://*.example.com` for all below it, or `null`. Empty means all.',
    },
  ),
  /**
   * Turn away WebSockets without an origin as well, which do not come from a browser.
   *
   * @default false
   */
  requireOrigin: described(flag.default(false), {
    value: 'boolean',
    description: 'Turn away WebSockets without an origin as well, which do not come from a browser.',
  }),
}

/** `fetch` takes no credentials in a URL, and puts them into its error. */
function isKeySetUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, password } = new URL(text)
  return /^https?:$/.test(protocol) && username === '' && password === ''
}

/** What is wrong with some options beside others. */
export function accessProblems(settings: z.output<z.ZodObject<typeof access>>): OptionProblem[] {
  const { jwtSecret, jwtPublicKey, jwksUrl, jwtIssuer, jwtAudience, allowedOrigins, requireOrigin } = settings
  const [key, ...more] = setAmong({ jwtSecret, jwtPublicKey, jwksUrl })
  const problems = more.map((option) => ({
    option,
    problem: 'must not be set beside another: tokens are checked with a secret, a public key or a JWKS URL',
  }))
  if (key === undefined) {
    for (const option of setAmong({ jwtIssuer, jwtAudience })) {
      problems.push({ option, problem: 'is set, but no secret, public key or JWKS URL to check tokens with' })
    }
  }
  if (requireOrigin && allowedOrigins.length === 0) {
    problems.push({ option: 'requireOrigin', problem: 'is set, but no allowed origins are' })
  }
  return problems
}

function setAmong(options: Readonly<Record<string, string>>): string[] {
  return Object.keys(options).filter((option) => options[option] !== '')
}
